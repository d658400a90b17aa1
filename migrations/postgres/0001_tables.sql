-- +goose Up

-- The platform's roster. Where these exist they stay as they are, whatever the
-- type of their ids; foreign keys are the platform's business.
CREATE TABLE IF NOT EXISTS events (
    id text PRIMARY KEY
);

CREATE TABLE IF NOT EXISTS entries (
    id       text PRIMARY KEY,
    event_id text NOT NULL
);

CREATE TABLE IF NOT EXISTS entry_devices (
    entry_id  text NOT NULL,
    device_id text NOT NULL,
    PRIMARY KEY (entry_id, device_id)
);

-- Every position, as it was sent: metres, km/h, degrees. ts is the device's
-- time, received_at the arrival on the stream. attributes is json and not
-- jsonb, so that it comes back byte for byte.
CREATE TABLE IF NOT EXISTS positions (
    device_id   text             NOT NULL,
    ts          timestamptz      NOT NULL,
    lat         double precision NOT NULL,
    lon         double precision NOT NULL,
    alt         double precision,
    speed       double precision,
    course      double precision,
    sats        integer,
    priority    integer,
    codec       text,
    attributes  json,
    received_at timestamptz
);

-- What a table of an earlier version lacks. Columns without a default cost
-- nothing on a filled table.
ALTER TABLE positions
    ADD COLUMN IF NOT EXISTS alt         double precision,
    ADD COLUMN IF NOT EXISTS speed       double precision,
    ADD COLUMN IF NOT EXISTS course      double precision,
    ADD COLUMN IF NOT EXISTS sats        integer,
    ADD COLUMN IF NOT EXISTS priority    integer,
    ADD COLUMN IF NOT EXISTS codec       text,
    ADD COLUMN IF NOT EXISTS attributes  json,
    ADD COLUMN IF NOT EXISTS received_at timestamptz;

-- jsonb would give attributes back in another spelling than they came in.
-- +goose StatementBegin
DO $$
BEGIN
    PERFORM FROM pg_attribute
    WHERE attrelid = 'positions'::regclass AND attname = 'attributes' AND atttypid = 'jsonb'::regtype;
    IF FOUND THEN
        ALTER TABLE positions ALTER COLUMN attributes TYPE json USING attributes::text::json;
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- Nothing: positions are not thrown away by a migration.
SELECT 1;
