package db

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pitwall/codec"
)

// batchTable is the batch as a table, with columns in the order of arrays. Attributes
// are sent as text and cast to json, because json keeps the text unchanged and the
// driver would encode it again.
const batchTable = `unnest($1::text[], $2::timestamptz[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
	$8::int[], $9::int[], $10::text[], $11::text[], $12::timestamptz[], $13::bool[])`

const batchColumns = `device_id, ts, lat, lon, alt, speed, course, sats, priority, codec, attributes, received_at, faulty`

const insertPositionsQuery = `INSERT INTO positions (` + batchColumns + `)
	SELECT device_id, ts, lat, lon, alt, speed, course, sats, priority, codec, attributes::json, received_at, faulty
	FROM ` + batchTable + ` AS g(` + batchColumns + `)
	ON CONFLICT (device_id, ts) DO NOTHING`

// compareBatch returns the positions whose row is missing or different: their number in
// the batch, whether a row exists, whether it has the same lat and lon, and if so its
// attributes. Attributes are compared as text, because json has no equality.
const compareBatch = `SELECT g.n, p.device_id IS NOT NULL, p.lat IS NOT DISTINCT FROM g.lat AND p.lon IS NOT DISTINCT FROM g.lon,
	       CASE WHEN p.lat = g.lat AND p.lon = g.lon AND json_typeof(p.attributes) = 'object' THEN p.attributes::text ELSE '' END
	FROM ` + batchTable + ` WITH ORDINALITY AS g(` + batchColumns + `, n)
	LEFT JOIN positions p ON p.device_id = g.device_id AND p.ts = g.ts
	WHERE p.device_id IS NULL
	   OR (p.lat, p.lon, p.alt, p.speed, p.course, p.sats, p.priority, p.codec, p.attributes::text)
	      IS DISTINCT FROM
	      (g.lat, g.lon, g.alt, g.speed, g.course, g.sats, g.priority, g.codec, g.attributes)
	ORDER BY g.n`

const insertExtras = `INSERT INTO pitwall_extras (device_id, ts, content_hash, attributes)
	SELECT device_id, ts, content_hash, attributes::json
	FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::text[]) AS g(device_id, ts, content_hash, attributes)
	ON CONFLICT (device_id, ts, content_hash) DO NOTHING`

// session is the transaction of a batch.
type session interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// InsertPositions uses one transaction, so that extras are committed together with the
// row that they belong to.
func (p *postgres) InsertPositions(ctx context.Context, batch []codec.Position) (InsertResult, error) {
	if len(batch) == 0 {
		return InsertResult{}, nil
	}
	result, err := p.inInsertTx(ctx, func(in session) (InsertResult, error) {
		return p.insertIn(ctx, in, batch, inKeyOrder(batch))
	})
	if err != nil {
		return InsertResult{}, fmt.Errorf("insert positions: %w", err)
	}
	return result, nil
}

// insertIn inserts the positions, and then compares those that were not inserted.
func (p *postgres) insertIn(ctx context.Context, in session, batch []codec.Position, order []int) (InsertResult, error) {
	args := append([]any{p.bulk}, arrays(batch, order)...)
	tag, err := in.Exec(ctx, insertPositionsQuery, args...)
	if err != nil {
		return InsertResult{}, err
	}
	inserted := int(tag.RowsAffected())
	if inserted == len(batch) {
		return InsertResult{Inserted: inserted}, nil
	}
	extras, result, err := compare(ctx, in, batch, order, args)
	if err != nil {
		return InsertResult{}, fmt.Errorf("compare with the existing rows: %w", err)
	}
	added, err := addExtras(ctx, in, extras)
	if err != nil {
		return InsertResult{}, fmt.Errorf("add attributes: %w", err)
	}
	result.Inserted, result.Extras = inserted, added
	return result.countDuplicates(len(batch)), nil
}

// compare reads the rows of the positions that were not inserted. It returns what they
// add to their rows, and in result the indexes of conflicts and of missing rows.
func compare(ctx context.Context, in session, batch []codec.Position, order []int, args []any) (extras []extra, result InsertResult, err error) {
	rows, err := in.Query(ctx, compareBatch, args...)
	if err != nil {
		return nil, InsertResult{}, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		var exists, samePlace bool
		var have codec.Attributes
		if err := rows.Scan(&n, &exists, &samePlace, (*string)(&have)); err != nil {
			return nil, InsertResult{}, err
		}
		i := order[n-1]
		if !exists {
			result.Missing = append(result.Missing, i)
		} else if x, ok := extraOf(&batch[i], have); ok && samePlace {
			extras = append(extras, x)
		} else {
			result.Conflicts = append(result.Conflicts, i)
		}
	}
	slices.Sort(result.Conflicts)
	slices.Sort(result.Missing)
	return extras, result, rows.Err()
}

// addExtras inserts extras and returns how many were new. They are sorted by key, so
// that processes with the same extras cannot deadlock.
func addExtras(ctx context.Context, in session, extras []extra) (int, error) {
	if len(extras) == 0 {
		return 0, nil
	}
	slices.SortFunc(extras, func(a, b extra) int {
		return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.ts, b.ts), cmp.Compare(a.hash, b.hash))
	})
	n := len(extras)
	device, ts, hash, attributes := make([]string, n), make([]time.Time, n), make([]int64, n), make([]string, n)
	for i, x := range extras {
		device[i], ts[i], hash[i], attributes[i] = x.device, time.UnixMilli(x.ts).UTC(), x.hash, x.attributes
	}
	tag, err := in.Exec(ctx, insertExtras, device, ts, hash, attributes)
	return int(tag.RowsAffected()), err
}

// arrays turns a batch into one array per column of batchTable. Pointers refer to the
// batch itself, so only numbers and string headers are copied.
func arrays(batch []codec.Position, order []int) []any {
	n := len(batch)
	var (
		device, codecs     = make([]string, n), make([]*string, n)
		ts, received       = make([]time.Time, n), make([]time.Time, n)
		lat, lon           = make([]float64, n), make([]float64, n)
		alt, speed, course = make([]*float64, n), make([]*float64, n), make([]*float64, n)
		sats, priority     = make([]*int32, n), make([]*int32, n)
		attributes         = make([]*string, n)
		faulty             = make([]bool, n)
	)
	for to, from := range order {
		p := &batch[from]
		device[to], lat[to], lon[to], faulty[to] = p.DeviceID, p.Lat, p.Lon, p.Faulty
		ts[to], received[to] = time.UnixMilli(p.TS).UTC(), time.UnixMilli(p.Arrival).UTC()
		alt[to] = optional(p, codec.HasAlt, &p.Alt)
		speed[to] = optional(p, codec.HasSpeed, &p.Speed)
		course[to] = optional(p, codec.HasCourse, &p.Course)
		sats[to] = optional(p, codec.HasSats, &p.Sats)
		priority[to] = optional(p, codec.HasPriority, &p.Priority)
		codecs[to] = textOrNull(&p.Codec)
		attributes[to] = textOrNull((*string)(&p.Attributes))
	}
	return []any{device, ts, lat, lon, alt, speed, course, sats, priority, codecs, attributes, received, faulty}
}
