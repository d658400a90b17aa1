-- +goose Up

-- Share links that `pitwall token create` has made, without their tokens: what
-- they are for, and until when, for those who list and revoke them. Nobody is let
-- in or kept out by this table. A row may be deleted once expires_at has passed.
-- Times are in milliseconds since the Unix epoch.
CREATE TABLE IF NOT EXISTS pitwall_links (
    link_id         TEXT    NOT NULL PRIMARY KEY,
    event_id        TEXT    NOT NULL,
    expires_at      INTEGER NOT NULL,
    max_connections INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL
) STRICT;

-- +goose Down
-- Nothing: what was recorded is not thrown away by a migration.
SELECT 1;
