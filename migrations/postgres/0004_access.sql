-- +goose Up

-- Who may watch what, for those who want Pitwall to decide by the database.
-- Events that are not here are not public, and not delayed.
CREATE TABLE IF NOT EXISTS pitwall_events (
    event_id text    PRIMARY KEY,
    public   boolean NOT NULL DEFAULT false,
    delay_s  integer NOT NULL DEFAULT 0 CHECK (delay_s >= 0)
);

CREATE TABLE IF NOT EXISTS pitwall_members (
    user_id  text NOT NULL,
    event_id text NOT NULL,
    PRIMARY KEY (user_id, event_id)
);

-- Tokens that are not good any more although they have not expired, by jti.
-- A row may be deleted once expires_at has passed.
CREATE TABLE IF NOT EXISTS pitwall_revocations (
    token_id   text        PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

-- Sessions are asked about again at once. The tables are Pitwall's own, so
-- NOTIFY_TRIGGERS is not asked.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION pitwall_notify_access() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_notify('pitwall_access', '');
    RETURN NULL;
END
$$;
-- +goose StatementEnd

DROP TRIGGER IF EXISTS pitwall_notify_access ON pitwall_events;
CREATE TRIGGER pitwall_notify_access
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pitwall_events
    FOR EACH STATEMENT EXECUTE FUNCTION pitwall_notify_access();

DROP TRIGGER IF EXISTS pitwall_notify_access ON pitwall_members;
CREATE TRIGGER pitwall_notify_access
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pitwall_members
    FOR EACH STATEMENT EXECUTE FUNCTION pitwall_notify_access();

DROP TRIGGER IF EXISTS pitwall_notify_access ON pitwall_revocations;
CREATE TRIGGER pitwall_notify_access
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pitwall_revocations
    FOR EACH STATEMENT EXECUTE FUNCTION pitwall_notify_access();

-- +goose Down
DROP TRIGGER IF EXISTS pitwall_notify_access ON pitwall_revocations;
DROP TRIGGER IF EXISTS pitwall_notify_access ON pitwall_members;
DROP TRIGGER IF EXISTS pitwall_notify_access ON pitwall_events;
DROP FUNCTION IF EXISTS pitwall_notify_access();
