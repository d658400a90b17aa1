-- +goose Up

-- Notifies the channel of the first argument when a statement has changed what
-- is read of its table, which the second names: the ids of a roster table, or all
-- columns. A statement that changes nothing is not told: an UPDATE of other
-- columns or to equal values, an upsert that finds all as it is, a DELETE without
-- a row. Ids may be of any type and are read as text; two spellings that a
-- collation holds equal are two ids. What cannot be compared counts as changed,
-- so that no statement of the platform's fails here. A WHEN clause would name the
-- columns in the trigger, and forbid the platform to change their type.
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
            CASE TG_ARGV[1]
            WHEN 'events' THEN
                changed := EXISTS (SELECT id::text COLLATE "C" FROM old_rows EXCEPT ALL SELECT id::text COLLATE "C" FROM new_rows);
            WHEN 'entries' THEN
                changed := EXISTS (SELECT id::text COLLATE "C", event_id::text COLLATE "C" FROM old_rows
                    EXCEPT ALL SELECT id::text COLLATE "C", event_id::text COLLATE "C" FROM new_rows);
            WHEN 'entry_devices' THEN
                changed := EXISTS (SELECT entry_id::text COLLATE "C", device_id::text COLLATE "C" FROM old_rows
                    EXCEPT ALL SELECT entry_id::text COLLATE "C", device_id::text COLLATE "C" FROM new_rows);
            ELSE
                changed := EXISTS (SELECT * FROM old_rows EXCEPT ALL SELECT * FROM new_rows);
            END CASE;
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
CREATE OR REPLACE FUNCTION pitwall_make_triggers(rel regclass, name text, channel text, what text) RETURNS void
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
            name || t.suffix, t.event, rel, t.referencing, channel, what);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- These tables are Pitwall's own, so NOTIFY_TRIGGERS is not asked.
SELECT pitwall_make_triggers('pitwall_events', 'pitwall_notify_access', 'pitwall_access', 'all');
SELECT pitwall_make_triggers('pitwall_members', 'pitwall_notify_access', 'pitwall_access', 'all');
SELECT pitwall_make_triggers('pitwall_revocations', 'pitwall_notify_access', 'pitwall_access', 'all');

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
