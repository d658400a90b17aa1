-- +goose Up

-- SQLite has no NOTIFY. The number is taken so that both dialects count alike.
SELECT 1;

-- +goose Down
SELECT 1;
