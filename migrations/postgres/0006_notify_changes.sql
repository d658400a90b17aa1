-- +goose Up

-- Notifies the channel of the first argument when a statement has changed the
-- columns of the second, which are those that are read. A statement that
-- changes nothing is not told: an UPDATE of other columns or to equal values,
-- an upsert that finds all as it is, a DELETE without a row. What cannot be
-- compared counts as changed, so that no statement of the platform's fails here.
-- The columns are named in the function alone: a WHEN clause would forbid the
-- platform to change their type.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pitwall_notify_changes() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    changed boolean := true;
BEGIN
    BEGIN
        IF TG_OP = 'INSERT' THEN
            changed := EXISTS (SELECT FROM new_rows);
        ELSIF TG_OP = 'DELETE' THEN
            changed := EXISTS (SELECT FROM old_rows);
        ELSIF TG_OP = 'UPDATE' THEN
            EXECUTE format('SELECT EXISTS (SELECT %1$s FROM old_rows EXCEPT ALL SELECT %1$s FROM new_rows)', TG_ARGV[1])
                INTO changed;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        changed := true;
    END;
    IF changed THEN
        PERFORM pg_notify(TG_ARGV[0], '');
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- Makes the triggers of a table, in place of those of the same names. It may be
-- called again, after the table was made anew. What is no table of its own, such
-- as a view, cannot have them and is left as it is.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pitwall_make_triggers(rel regclass, name text, channel text, columns text) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    t record;
BEGIN
    PERFORM FROM pg_catalog.pg_class c WHERE c.oid = rel AND c.relkind IN ('r', 'p');
    IF NOT FOUND THEN
        RETURN;
    END IF;
    FOR t IN SELECT * FROM (VALUES
        ('',          'UPDATE',   'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
        ('_insert',   'INSERT',   'REFERENCING NEW TABLE AS new_rows'),
        ('_delete',   'DELETE',   'REFERENCING OLD TABLE AS old_rows'),
        ('_truncate', 'TRUNCATE', '')) AS v(suffix, event, referencing)
    LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', name || t.suffix, rel);
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION pitwall_notify_changes(%L, %L)',
            name || t.suffix, t.event, rel, t.referencing, channel, columns);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- These tables are Pitwall's own, so NOTIFY_TRIGGERS is not asked.
SELECT pitwall_make_triggers('pitwall_events', 'pitwall_notify_access', 'pitwall_access', '*');
SELECT pitwall_make_triggers('pitwall_members', 'pitwall_notify_access', 'pitwall_access', '*');
SELECT pitwall_make_triggers('pitwall_revocations', 'pitwall_notify_access', 'pitwall_access', '*');

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    rel text;
BEGIN
    FOREACH rel IN ARRAY ARRAY['pitwall_events', 'pitwall_members', 'pitwall_revocations'] LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS pitwall_notify_access ON %I', rel);
        EXECUTE format('DROP TRIGGER IF EXISTS pitwall_notify_access_insert ON %I', rel);
        EXECUTE format('DROP TRIGGER IF EXISTS pitwall_notify_access_delete ON %I', rel);
        EXECUTE format('DROP TRIGGER IF EXISTS pitwall_notify_access_truncate ON %I', rel);
        EXECUTE format('CREATE TRIGGER pitwall_notify_access AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION pitwall_notify_access()', rel);
    END LOOP;
END
$$;
-- +goose StatementEnd
DROP FUNCTION pitwall_make_triggers(regclass, text, text, text);
DROP FUNCTION pitwall_notify_changes();
