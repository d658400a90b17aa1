package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pitwall/codec"
)

// given is the batch as a table, whose columns are in the order of arrays.
// json goes over as text and is cast, so that it is stored as it is spelt.
const given = `unnest($1::text[], $2::timestamptz[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
	$8::int[], $9::int[], $10::text[], $11::text[], $12::timestamptz[], $13::bool[])`

const givenColumns = `device_id, ts, lat, lon, alt, speed, course, sats, priority, codec, attributes, received_at, faulty`

const insertPositions = `INSERT INTO positions (` + givenColumns + `)
	SELECT device_id, ts, lat, lon, alt, speed, course, sats, priority, codec, attributes::json, received_at, faulty
	FROM ` + given + ` AS g(` + givenColumns + `)
	ON CONFLICT (device_id, ts) DO NOTHING`

// differing returns the places of those that are not stored as given, with
// whether anything is stored under their key at all.
const differing = `SELECT g.n, p.device_id IS NOT NULL
	FROM ` + given + ` WITH ORDINALITY AS g(` + givenColumns + `, n)
	LEFT JOIN positions p ON p.device_id = g.device_id AND p.ts = g.ts
	WHERE p.device_id IS NULL
	   OR (p.lat, p.lon, p.alt, p.speed, p.course, p.sats, p.priority, p.codec, p.attributes::text, p.faulty)
	      IS DISTINCT FROM
	      (g.lat, g.lon, g.alt, g.speed, g.course, g.sats, g.priority, g.codec, g.attributes, g.faulty)
	ORDER BY g.n`

// errGone is met when a row goes away between insert and comparison. The
// batch is offered again then, and inserted.
var errGone = errors.New("rows were deleted meanwhile")

func (p *postgres) InsertPositions(ctx context.Context, batch []codec.Position) (InsertResult, error) {
	if len(batch) == 0 {
		return InsertResult{}, nil
	}
	order := inKeyOrder(batch)
	args := append([]any{p.bulk}, arrays(batch, order)...)
	tag, err := p.pool.Exec(ctx, insertPositions, args...)
	if err != nil {
		return InsertResult{}, fmt.Errorf("insert positions: %w", err)
	}
	inserted := int(tag.RowsAffected())
	if inserted == len(batch) {
		return tally(len(batch), inserted, nil), nil
	}
	conflicts, err := p.conflicts(ctx, order, args)
	if err != nil {
		return InsertResult{}, fmt.Errorf("insert positions: compare with the rows that are there: %w", err)
	}
	return tally(len(batch), inserted, conflicts), nil
}

// conflicts returns the indexes of positions that are not stored as given.
func (p *postgres) conflicts(ctx context.Context, order []int, args []any) ([]int, error) {
	rows, err := p.pool.Query(ctx, differing, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []int
	for rows.Next() {
		var n int
		var exists bool
		if err := rows.Scan(&n, &exists); err != nil {
			return nil, err
		}
		if !exists {
			return nil, errGone
		}
		out = append(out, order[n-1])
	}
	slices.Sort(out)
	return out, rows.Err()
}

// arrays turns a batch into one array per column of given. Pointers go into
// the batch itself: nothing is copied but numbers and string headers.
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
