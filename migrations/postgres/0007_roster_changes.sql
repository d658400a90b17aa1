-- +goose Up

-- In place of the triggers of 0003, which told every statement.
SELECT pitwall_make_triggers('events', 'pitwall_notify_roster', 'pitwall_roster', 'events');
SELECT pitwall_make_triggers('entries', 'pitwall_notify_roster', 'pitwall_roster', 'entries');
SELECT pitwall_make_triggers('entry_devices', 'pitwall_notify_roster', 'pitwall_roster', 'entry_devices');

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    rel regclass;
BEGIN
    FOR rel IN SELECT oid FROM pg_class
        WHERE oid IN (to_regclass('events'), to_regclass('entries'), to_regclass('entry_devices')) AND relkind IN ('r', 'p')
    LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS pitwall_notify_roster ON %s', rel);
        EXECUTE format('DROP TRIGGER IF EXISTS pitwall_notify_roster_insert ON %s', rel);
        EXECUTE format('DROP TRIGGER IF EXISTS pitwall_notify_roster_delete ON %s', rel);
        EXECUTE format('DROP TRIGGER IF EXISTS pitwall_notify_roster_truncate ON %s', rel);
        EXECUTE format('CREATE TRIGGER pitwall_notify_roster AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
            'FOR EACH STATEMENT EXECUTE FUNCTION pitwall_notify_roster()', rel);
    END LOOP;
END
$$;
-- +goose StatementEnd
