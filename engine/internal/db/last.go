package db

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// Last holds the newest positions of a device in the table.
type Last struct {
	Device string
	// Good is the position with the newest live time that may be shown, with
	// its extras; nil when there is none.
	Good *codec.Position
	// Faulty are the faulty positions newer than Good in live time, newest
	// first, at most shard.MaxFaulty of them.
	Faulty []shard.Stamp
}

// Correction converts l for the shards. It may be kept after l is no longer valid.
func (l *Last) Correction() shard.Correction {
	c := shard.Correction{Device: l.Device, Faulty: l.Faulty}
	if l.Good != nil {
		good := *l.Good
		c.Good = &good
	}
	return c
}

// The last positions are queried for lastAtOnce devices at a time. For most devices the
// newest row is the answer. For the others (the unresolved ones) pages of rows are read:
// topPages from the newest row down, until no older row can be newer in live time, and
// one page of pageRows for each of the last clockRows periods with a wrong clock. Faulty
// rows are searched among the newest faultyWindow rows.
const (
	lastAtOnce   = 1000
	pageRows     = 200
	clockRows    = 16
	faultyWindow = 1000
	maxExtras    = 64 // of one position
)

// topPages are the sizes of the pages from the newest row down. The first is small,
// because it suffices when the clock is right and few rows are faulty.
var topPages = [...]int{8, pageRows, pageRows}

// arrivalSlack bounds, in ms, how far apart positions of one burst arrive. Of positions
// that are shown under their arrival, the one with the newest device time wins if they
// arrived within it, as in a batch on the live path; otherwise the later arrival wins.
const arrivalSlack = 1000

// probe is one search in the index: the newest rows of a device with a time between low
// and high, both exclusive, in ms. The extremes of int64 mean infinity.
type probe struct {
	device    string
	low, high int64
}

// lastStatements are the statements of the query. Each calls fn for the rows that it
// finds, with the index of their device or probe in the list.
type lastStatements interface {
	// clockPeriods reads the newest clockRows of each device, in any order.
	clockPeriods(ctx context.Context, devices []string, fn func(i int, c shard.Clock)) error
	// newest reads the newest row of each device, whatever it holds.
	newest(ctx context.Context, devices []string, fn func(i int, r *stored)) error
	// good gives at most rows of those rows that may be shown, and faulty at
	// most pageRows faulty rows.
	good(ctx context.Context, probes []probe, rows int, fn func(i int, m rowTime)) error
	faulty(ctx context.Context, probes []probe, fn func(i int, m rowTime)) error
	// row reads the newest row that may be shown.
	row(ctx context.Context, probes []probe, fn func(i int, r *stored)) error
	// extras reads the attributes that were added to the row at low of each probe.
	extras(ctx context.Context, probes []probe, fn func(i int, attributes string)) error
}

// eachLast implements LastPositions. Devices with an id that the decoder refuses are
// left out.
func eachLast(ctx context.Context, q lastStatements, devices []string, rule LiveRule, fn func(*Last) error) error {
	devices = slices.DeleteFunc(slices.Clone(devices), func(d string) bool { return invalidID(d, true) != "" })
	for part := range slices.Chunk(devices, lastAtOnce) {
		look := newLastQuery(q, part, rule.at(time.Now()))
		for _, step := range []func(context.Context) error{look.readClocks, look.readNewest, look.readOffsets, look.readTop, look.readFaulty,
			look.readRows, look.readExtras} {
			if err := step(ctx); err != nil {
				return fmt.Errorf("last positions: %w", err)
			}
		}
		for i := range look.devices {
			d := &look.devices[i]
			if d.shown == nil && len(d.faulty) == 0 {
				continue
			}
			l := Last{Device: d.device, Faulty: d.faulty}
			if d.shown != nil {
				l.Good = &d.position
			}
			if err := fn(&l); err != nil {
				return err
			}
		}
	}
	return nil
}
