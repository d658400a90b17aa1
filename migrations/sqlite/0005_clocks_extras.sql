-- +goose Up

-- Devices whose clock fell back: from this arrival on, device time minus
-- arrival is about offset_ms. A row with 0 ends it. Rows are only added.
CREATE TABLE IF NOT EXISTS pitwall_clocks (
    device_id     TEXT    NOT NULL,
    since_arrival INTEGER NOT NULL,
    offset_ms     INTEGER NOT NULL,
    PRIMARY KEY (device_id, since_arrival)
) STRICT;

-- Attributes that a later record of the same device, time and place has and
-- the row of positions does not. content_hash is that record's, so that it is
-- known when it comes again. Rows are only added.
CREATE TABLE IF NOT EXISTS pitwall_extras (
    device_id    TEXT    NOT NULL,
    ts           INTEGER NOT NULL,
    content_hash INTEGER NOT NULL,
    attributes   TEXT    NOT NULL,
    PRIMARY KEY (device_id, ts, content_hash)
) STRICT;

-- +goose Down
-- Nothing: what was recorded is not thrown away by a migration.
SELECT 1;
