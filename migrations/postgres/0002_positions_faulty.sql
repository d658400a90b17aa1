-- +goose Up

-- Nobody writes between the look for duplicates and the index.
LOCK TABLE positions IN SHARE ROW EXCLUSIVE MODE;

-- A constant default: no rewrite, however many rows there are.
ALTER TABLE positions ADD COLUMN IF NOT EXISTS faulty boolean NOT NULL DEFAULT false;

-- +goose StatementBegin
DO $$
DECLARE
    taken    record;
    keys     bigint;
    surplus  numeric;
    examples text;
BEGIN
    -- ON CONFLICT (device_id, ts) fails as long as there is one like this.
    SELECT c.conname INTO taken FROM pg_constraint c JOIN pg_index i ON i.indexrelid = c.conindid
    WHERE c.conrelid = 'positions'::regclass AND c.contype IN ('p', 'u') AND c.condeferrable AND i.indnkeyatts = 2
      AND (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = i.indrelid
           AND a.attnum = ANY (i.indkey[0:1]) AND a.attname IN ('device_id', 'ts')) = 2;
    IF FOUND THEN
        RAISE EXCEPTION 'constraint % of positions is deferrable, which an insert cannot resolve conflicts with: '
            'drop it (ALTER TABLE positions DROP CONSTRAINT %), then migrate again',
            quote_ident(taken.conname), quote_ident(taken.conname);
    END IF;

    -- An index that does the work already is taken, under whatever name: valid,
    -- unique, on exactly (device_id, ts), not partial, not deferrable.
    PERFORM FROM pg_index i
    WHERE i.indrelid = 'positions'::regclass
      AND i.indisunique AND i.indisvalid AND i.indisready AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = 2
      AND (SELECT a.attname FROM pg_attribute a
           WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]) = 'device_id'
      AND (SELECT a.attname FROM pg_attribute a
           WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[1]) = 'ts';
    IF FOUND THEN
        RETURN;
    END IF;

    SELECT c.relname, i.indisvalid, pg_get_indexdef(c.oid) AS def INTO taken
    FROM pg_class c
    JOIN pg_class t ON t.relnamespace = c.relnamespace AND t.oid = 'positions'::regclass
    LEFT JOIN pg_index i ON i.indexrelid = c.oid
    WHERE c.relname = 'positions_device_ts_idx';
    IF FOUND AND taken.def IS NULL THEN
        RAISE EXCEPTION 'positions_device_ts_idx exists and is not an index: rename it, then migrate again';
    ELSIF FOUND AND NOT taken.indisvalid THEN
        RAISE EXCEPTION 'index positions_device_ts_idx is invalid, left by a build that failed: '
            'drop it (DROP INDEX positions_device_ts_idx), then migrate again';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'index positions_device_ts_idx exists but is not UNIQUE on (device_id, ts DESC): %. '
            'Drop or rename it (DROP INDEX positions_device_ts_idx), then migrate again', taken.def;
    END IF;

    WITH doubled AS (
        SELECT device_id, ts, count(*) AS n FROM positions
        WHERE device_id IS NOT NULL AND ts IS NOT NULL
        GROUP BY device_id, ts HAVING count(*) > 1
    ), first AS (
        SELECT * FROM doubled ORDER BY device_id, ts LIMIT 5
    )
    SELECT (SELECT count(*) FROM doubled), (SELECT sum(n - 1) FROM doubled),
           (SELECT string_agg(format('(%s, %s) %s times', device_id, ts, n), ', ' ORDER BY device_id, ts) FROM first)
    INTO keys, surplus, examples;
    IF keys > 0 THEN
        RAISE EXCEPTION 'positions holds % (device_id, ts) more than once, % rows too many, for example %. '
            'Nothing was deleted or changed: decide which row of each stays, delete the others, then migrate again',
            keys, surplus, examples;
    END IF;

    CREATE UNIQUE INDEX positions_device_ts_idx ON positions (device_id, ts DESC);
END
$$;
-- +goose StatementEnd

-- +goose Down
-- Nothing: earlier versions work with the column and the index as well.
SELECT 1;
