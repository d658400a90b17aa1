-- +goose Up

CREATE TABLE IF NOT EXISTS events (
    id TEXT NOT NULL PRIMARY KEY
) STRICT;

CREATE TABLE IF NOT EXISTS entries (
    id       TEXT NOT NULL PRIMARY KEY,
    event_id TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS entry_devices (
    entry_id  TEXT NOT NULL,
    device_id TEXT NOT NULL,
    PRIMARY KEY (entry_id, device_id)
) STRICT;

-- Every position, as it was sent: metres, km/h, degrees. ts is the device's
-- time and received_at the arrival on the stream, both in milliseconds since
-- the Unix epoch.
CREATE TABLE IF NOT EXISTS positions (
    device_id   TEXT    NOT NULL,
    ts          INTEGER NOT NULL,
    lat         REAL    NOT NULL,
    lon         REAL    NOT NULL,
    alt         REAL,
    speed       REAL,
    course      REAL,
    sats        INTEGER,
    priority    INTEGER,
    codec       TEXT,
    attributes  TEXT,
    received_at INTEGER
) STRICT;

-- +goose Down
-- Nothing: positions are not thrown away by a migration.
SELECT 1;
