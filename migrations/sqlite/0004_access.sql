-- +goose Up

-- Who may watch what. Events that are not here are not public, and not
-- delayed.
CREATE TABLE IF NOT EXISTS pitwall_events (
    event_id TEXT    NOT NULL PRIMARY KEY,
    public   INTEGER NOT NULL DEFAULT 0,
    delay_s  INTEGER NOT NULL DEFAULT 0 CHECK (delay_s >= 0)
) STRICT;

CREATE TABLE IF NOT EXISTS pitwall_members (
    user_id  TEXT NOT NULL,
    event_id TEXT NOT NULL,
    PRIMARY KEY (user_id, event_id)
) STRICT;

-- Tokens that are not good any more although they have not expired, by jti.
-- expires_at is in milliseconds since the Unix epoch.
CREATE TABLE IF NOT EXISTS pitwall_revocations (
    token_id   TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;

-- +goose Down
-- Nothing: who may watch what is not thrown away by a migration.
SELECT 1;
