package db

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"pitwall/shard"
)

// The statements read an index downwards from the newest row of each probe. The bounds
// are exclusive and may be infinite, because no row has an infinite time.
const (
	probeJoin = `FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS a(device_id, low, high, n)
	CROSS JOIN LATERAL `
	between = `FROM positions p WHERE p.device_id = a.device_id AND p.ts > a.low AND p.ts < a.high`
	times   = `a.n, floor(extract(epoch FROM p.ts) * 1000)::bigint,
	       CASE WHEN isfinite(p.received_at) THEN floor(extract(epoch FROM p.received_at) * 1000)::bigint END`
	wholeRow = `SELECT ` + times + `, p.attributes::text, ` + storedColumns + ` ` + probeJoin
	itsTimes = `SELECT ` + times + ` ` + probeJoin
	downFrom = ` ORDER BY p.ts DESC LIMIT `
)

var (
	goodInTime = goodRow + fmt.Sprintf(`(p.ts > p.received_at + interval '%d ms' AND isfinite(p.received_at)) IS NOT TRUE`, maxAhead)

	newestRow = wholeRow + `(SELECT p.* ` + between + downFrom + `1) p`
	shownRow  = wholeRow + `(SELECT p.* ` + between + ` AND ` + goodInTime + downFrom + `1) p`
	goodRows  = itsTimes + `(SELECT p.ts, p.received_at ` + between + ` AND ` + goodInTime + downFrom + `$4) p`

	faultyRows = itsTimes + `(
	    SELECT p.ts, p.received_at
	    FROM (SELECT p.ts, p.received_at, p.faulty ` + between + downFrom + fmt.Sprint(faultyWindow) + `) p
	    WHERE p.faulty` + downFrom + fmt.Sprint(pageRows) + `) p`

	clockHistory = `SELECT a.n, floor(extract(epoch FROM c.since_arrival) * 1000)::bigint, c.offset_ms
	FROM unnest($1::text[]) WITH ORDINALITY AS a(device_id, n)
	CROSS JOIN LATERAL (
	    SELECT c.since_arrival, c.offset_ms FROM pitwall_clocks c
	    WHERE c.device_id = a.device_id ORDER BY c.since_arrival DESC LIMIT ` + fmt.Sprint(clockRows) + `) c`

	extrasOfRow = `SELECT a.n, x.attributes::text
	FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS a(device_id, ts, n)
	CROSS JOIN LATERAL (
	    SELECT x.attributes, x.content_hash FROM pitwall_extras x
	    WHERE x.device_id = a.device_id AND x.ts = a.ts ORDER BY x.content_hash LIMIT ` + fmt.Sprint(maxExtras) + `) x`
)

// alongTheIndex makes the planner use the index, for the transaction. Otherwise, on a
// table that was never analysed, it may read and sort all rows of each device, or spend
// time on JIT compilation.
const alongTheIndex = `SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off`

// LastPositions reads in one transaction, so that all statements see one snapshot.
func (p *postgres) LastPositions(ctx context.Context, devices []string, rule LiveRule, fn func(*Last) error) error {
	tx, err := p.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: beginLast})
	if err != nil {
		return fmt.Errorf("last positions: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	return eachLast(ctx, postgresProbes{tx}, devices, rule, fn)
}

// postgresProbes runs the statements in one transaction.
type postgresProbes struct{ tx pgx.Tx }

// each runs a statement whose first column is the index of the probe, from 1 on.
func (q postgresProbes) each(ctx context.Context, dest []any, found func(i int), query string, args ...any) error {
	rows, err := q.tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	var n int
	_, err = pgx.ForEachRow(rows, append([]any{&n}, dest...), func() error {
		found(n - 1)
		return nil
	})
	return err
}

func (q postgresProbes) clockPeriods(ctx context.Context, devices []string, fn func(i int, c shard.Clock)) error {
	var c shard.Clock
	return q.each(ctx, []any{&c.Since, &c.Offset}, func(i int) {
		c.Device = devices[i]
		fn(i, c)
	}, clockHistory, devices)
}

func (q postgresProbes) newest(ctx context.Context, devices []string, fn func(i int, r *stored)) error {
	probes := make([]probe, len(devices))
	for i, d := range devices {
		probes[i] = probe{d, math.MinInt64, math.MaxInt64}
	}
	return q.rows(ctx, newestRow, probes, fn)
}

func (q postgresProbes) row(ctx context.Context, probes []probe, fn func(i int, r *stored)) error {
	return q.rows(ctx, shownRow, probes, fn)
}

func (q postgresProbes) rows(ctx context.Context, query string, probes []probe, fn func(i int, r *stored)) error {
	var r stored
	return q.each(ctx, r.dest(), func(i int) {
		row := r // the driver allocates the values for each row
		fn(i, &row)
	}, query, probeArrays(probes)...)
}

func (q postgresProbes) good(ctx context.Context, probes []probe, rows int, fn func(i int, m rowTime)) error {
	return q.rowTimes(ctx, fn, goodRows, append(probeArrays(probes), rows)...)
}

func (q postgresProbes) faulty(ctx context.Context, probes []probe, fn func(i int, m rowTime)) error {
	return q.rowTimes(ctx, fn, faultyRows, probeArrays(probes)...)
}

func (q postgresProbes) rowTimes(ctx context.Context, fn func(i int, m rowTime), query string, args ...any) error {
	var m rowTime
	return q.each(ctx, []any{&m.ts, &m.received}, func(i int) { fn(i, m) }, query, args...)
}

func (q postgresProbes) extras(ctx context.Context, probes []probe, fn func(i int, attributes string)) error {
	var attributes string
	args := probeArrays(probes)
	return q.each(ctx, []any{&attributes}, func(i int) { fn(i, attributes) }, extrasOfRow, args[0], args[1])
}

// probeArrays turns probes into one array per field.
func probeArrays(probes []probe) []any {
	device, low, high := make([]string, len(probes)), make([]pgtype.Timestamptz, len(probes)), make([]pgtype.Timestamptz, len(probes))
	for i, a := range probes {
		device[i], low[i], high[i] = a.device, instantAt(a.low), instantAt(a.high)
	}
	return []any{device, low, high}
}

func instantAt(ms int64) pgtype.Timestamptz {
	switch ms {
	case math.MinInt64:
		return pgtype.Timestamptz{Valid: true, InfinityModifier: pgtype.NegativeInfinity}
	case math.MaxInt64:
		return pgtype.Timestamptz{Valid: true, InfinityModifier: pgtype.Infinity}
	}
	return pgtype.Timestamptz{Valid: true, Time: time.UnixMilli(ms).UTC()}
}
