-- +goose Up

-- SQLite has no NOTIFY: the process that imports a roster tells its own
-- listeners, and a position marked faulty is seen at the next start. The number
-- is taken so that both dialects count alike.
SELECT 1;

-- +goose Down
SELECT 1;
