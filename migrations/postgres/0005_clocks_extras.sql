-- +goose Up

-- Devices whose clock fell back: from this arrival on, device time minus
-- arrival is about offset_ms. A row with 0 ends it. Rows are only added.
CREATE TABLE IF NOT EXISTS pitwall_clocks (
    device_id     text        NOT NULL,
    since_arrival timestamptz NOT NULL,
    offset_ms     bigint      NOT NULL,
    PRIMARY KEY (device_id, since_arrival)
);

-- Attributes that a later record of the same device, time and place has and
-- the row of positions does not. content_hash is that record's, so that it is
-- known when it comes again. Rows are only added.
CREATE TABLE IF NOT EXISTS pitwall_extras (
    device_id    text        NOT NULL,
    ts           timestamptz NOT NULL,
    content_hash bigint      NOT NULL,
    attributes   json        NOT NULL,
    PRIMARY KEY (device_id, ts, content_hash)
);

-- +goose Down
-- Nothing: what was recorded is not thrown away by a migration.
SELECT 1;
