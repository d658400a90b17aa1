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

// arrivalSlack is how far apart, in ms, the positions of one burst may arrive. It matters
// for positions that are shown under their arrival. If two of them arrived within it, the
// one with the newer device time wins, as in a batch on the live path. Otherwise the later
// arrival wins.
const arrivalSlack = 1000

// probe is one search in the index: the newest rows of a device with a time between low
// and high, both exclusive, in ms. The extremes of int64 mean infinity.
type probe struct {
	device    string
	low, high int64
}

// search is a statement of the query, which searches for each probe.
type search int

const (
	searchClocks search = iota // since_arrival and offset of the newest clockRows clocks, in any order
	searchNewest               // the newest row, whatever it holds
	searchShown                // the newest row that may be shown
	searchGood                 // the times of rows that may be shown, at most limit
	searchFaulty               // the times of faulty rows, at most pageRows
	searchExtras               // the attributes that were added to the row at low
)

// searchParams is how many parameters each search has: device, low, high and limit.
var searchParams = [...]int{searchClocks: 1, searchNewest: 3, searchShown: 3, searchGood: 4, searchFaulty: 3, searchExtras: 2}

// searcher runs searches, all of them on one snapshot.
type searcher interface {
	// each scans each result into dest, and then calls found with the index of its
	// probe.
	each(ctx context.Context, s search, probes []probe, limit int, dest []any, found func(at int)) error
}

// eachLast implements LastPositions. Devices with an id that the decoder refuses are
// left out.
func eachLast(ctx context.Context, q searcher, devices []string, rule LiveRule, fn func(*Last) error) error {
	devices = slices.DeleteFunc(slices.Clone(devices), func(d string) bool { return invalidID(d, true) != "" })
	for part := range slices.Chunk(devices, lastAtOnce) {
		query := newLastQuery(q, part, rule.at(time.Now()))
		for _, step := range []func(context.Context) error{query.readClocks, query.readNewest, query.readOffsets, query.readTop, query.readFaulty,
			query.readRows, query.readExtras} {
			if err := step(ctx); err != nil {
				return fmt.Errorf("last positions: %w", err)
			}
		}
		for i := range query.devices {
			d := &query.devices[i]
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
