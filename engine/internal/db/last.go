package db

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// Last is what the table knows of the newest positions of a device.
type Last struct {
	Device string
	// Good is the position with the newest live time that may be shown, with
	// its extras; nil when there is none.
	Good *codec.Position
	// Faulty are the faulty positions newer than Good in live time, newest
	// first, at most shard.MaxFaulty of them.
	Faulty []shard.Stamp
}

// Correction is the same for the shards. It may be kept after the call for which
// l is lent.
func (l *Last) Correction() shard.Correction {
	c := shard.Correction{Device: l.Device, Faulty: l.Faulty}
	if l.Good != nil {
		good := *l.Good
		c.Good = &good
	}
	return c
}

// The look for the last positions asks for lastAtOnce devices at a time. Most
// of them have said it all with their newest row. The others (odd ones) are
// asked for pages: those of topPages from the newest row down, until nothing
// below can be newer, and one of pageRows for each time that the clock was
// wrong, of which clockRows are read. Faulty rows are looked for among the
// newest faultyWindow.
const (
	lastAtOnce   = 1000
	pageRows     = 200
	clockRows    = 16
	faultyWindow = 1000
	mostExtras   = 64 // of one position
)

// topPages are the sizes of the pages from the newest row down. Where a few
// rows are faulty and the clock is right, the first says it all.
var topPages = [...]int{8, pageRows, pageRows}

// madeUpSlack is how much later, in ms, a position shown under its arrival must
// arrive than another one to be newer whatever its own time: as on the live
// path, of a batch the newest device time wins.
const madeUpSlack = 1000

// ask is one probe of the index: the newest rows of a device with a time
// between low and high, exclusive, in ms. The extremes of int64 are infinite.
type ask struct {
	device    string
	low, high int64
}

// probes are the statements that the look consists of. Each calls fn for what
// it finds, with the place of what it was asked for in the list.
type probes interface {
	// clocks gives the newest clockRows of each device, in any order.
	clocks(ctx context.Context, devices []string, fn func(i int, c shard.Clock)) error
	// newest gives the newest row of each device, whatever it holds.
	newest(ctx context.Context, devices []string, fn func(i int, r *stored)) error
	// good gives at most rows of those rows that may be shown, and faulty at
	// most pageRows of those that are faulty.
	good(ctx context.Context, asks []ask, rows int, fn func(i int, m mark)) error
	faulty(ctx context.Context, asks []ask, fn func(i int, m mark)) error
	// row gives the newest row that may be shown.
	row(ctx context.Context, asks []ask, fn func(i int, r *stored)) error
	// extras gives what was added to the row of one time: low of each ask.
	extras(ctx context.Context, asks []ask, fn func(i int, attributes string)) error
}

// eachLast does what LastPositions promises. A device that no record can name
// is none, whatever the table holds of it.
func eachLast(ctx context.Context, q probes, devices []string, rule LiveRule, fn func(*Last) error) error {
	devices = slices.DeleteFunc(slices.Clone(devices), func(d string) bool { return wrongID(d, true) != "" })
	for part := range slices.Chunk(devices, lastAtOnce) {
		look := newLook(q, part, rule.at(time.Now()))
		for _, step := range []func(context.Context) error{look.readClocks, look.readNewest, look.readFallen, look.readTop, look.readFaulty,
			look.readRows, look.readExtras} {
			if err := step(ctx); err != nil {
				return fmt.Errorf("last positions: %w", err)
			}
		}
		for i := range look.of {
			d := &look.of[i]
			if d.row == nil && len(d.stamps) == 0 {
				continue
			}
			l := Last{Device: d.device, Faulty: d.stamps}
			if d.row != nil {
				l.Good = &d.position
			}
			if err := fn(&l); err != nil {
				return err
			}
		}
	}
	return nil
}
