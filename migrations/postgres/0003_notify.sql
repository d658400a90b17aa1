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

-- A position that is marked faulty, or is not any more, names its device. A row
-- trigger, because PostgreSQL gives it to every partition, and an update of a
-- partition fires none of the statement triggers of its parent.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pitwall_notify_faulty() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_notify('pitwall_positions', NEW.device_id);
    RETURN NULL;
END
$$;
-- +goose StatementEnd

DROP TRIGGER IF EXISTS pitwall_notify_faulty ON positions;
CREATE TRIGGER pitwall_notify_faulty
    AFTER UPDATE ON positions
    FOR EACH ROW WHEN (OLD.faulty IS DISTINCT FROM NEW.faulty)
    EXECUTE FUNCTION pitwall_notify_faulty();

-- +goose Down
DROP TRIGGER IF EXISTS pitwall_notify_faulty ON positions;
DROP FUNCTION IF EXISTS pitwall_notify_faulty();
DROP TRIGGER IF EXISTS pitwall_notify_roster ON entry_devices;
DROP TRIGGER IF EXISTS pitwall_notify_roster ON entries;
DROP TRIGGER IF EXISTS pitwall_notify_roster ON events;
DROP FUNCTION IF EXISTS pitwall_notify_roster();
