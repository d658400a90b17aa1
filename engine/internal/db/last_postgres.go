package db

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
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

// searchesPostgres are the searches. The first column is the number of the probe, from 1
// on.
var searchesPostgres = [...]string{searchClocks: clockHistory, searchNewest: newestRow, searchShown: shownRow,
	searchGood: goodRows, searchFaulty: faultyRows, searchExtras: extrasOfRow}

// each runs one statement for all probes.
func (q postgresProbes) each(ctx context.Context, s search, probes []probe, limit int, dest []any, found func(at int)) error {
	args := append(probeArrays(probes), limit)
	rows, err := q.tx.Query(ctx, searchesPostgres[s], args[:searchParams[s]]...)
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
