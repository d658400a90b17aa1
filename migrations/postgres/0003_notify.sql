-- +goose Up

-- One notification per statement that touches the roster, delivered when its
-- transaction commits; PostgreSQL folds equal ones of a transaction into one.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pitwall_notify_roster() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_notify('pitwall_roster', '');
    RETURN NULL;
END
$$;
-- +goose StatementEnd

DROP TRIGGER IF EXISTS pitwall_notify_roster ON events;
CREATE TRIGGER pitwall_notify_roster
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION pitwall_notify_roster();

DROP TRIGGER IF EXISTS pitwall_notify_roster ON entries;
CREATE TRIGGER pitwall_notify_roster
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION pitwall_notify_roster();

DROP TRIGGER IF EXISTS pitwall_notify_roster ON entry_devices;
CREATE TRIGGER pitwall_notify_roster
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON entry_devices
    FOR EACH STATEMENT EXECUTE FUNCTION pitwall_notify_roster();

-- +goose Down
DROP TRIGGER IF EXISTS pitwall_notify_roster ON entry_devices;
DROP TRIGGER IF EXISTS pitwall_notify_roster ON entries;
DROP TRIGGER IF EXISTS pitwall_notify_roster ON events;
DROP FUNCTION IF EXISTS pitwall_notify_roster();
