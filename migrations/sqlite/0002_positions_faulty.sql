-- +goose Up

ALTER TABLE positions ADD COLUMN faulty INTEGER NOT NULL DEFAULT 0;

CREATE UNIQUE INDEX IF NOT EXISTS positions_device_ts_idx ON positions (device_id, ts DESC);

-- +goose Down
-- Nothing: earlier versions work with the column and the index as well.
SELECT 1;
