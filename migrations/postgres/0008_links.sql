-- +goose Up

-- Share links that `pitwall token create` has made, without their tokens: what
-- they are for, and until when, for those who list and revoke them. Nobody is let
-- in or kept out by this table. A row may be deleted once expires_at has passed.
CREATE TABLE IF NOT EXISTS pitwall_links (
    link_id         text        PRIMARY KEY,
    event_id        text        NOT NULL,
    expires_at      timestamptz NOT NULL,
    max_connections integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
-- Nothing: what was recorded is not thrown away by a migration.
SELECT 1;
