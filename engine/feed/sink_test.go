package feed

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// baseTS is the device time of record 0 of every device; record n is n ms
// later.
var baseTS = time.Now().Add(-time.Hour).UnixMilli()

// fix is record n of a device.
func fix(device string, n int) []string {
	return []string{
		"device_id", device, "lat", "48.5", "lon", "9.25",
		"ts", strconv.FormatInt(baseTS+int64(n), 10),
	}
}

// errSinkEnded is the error of a sink after end.
var errSinkEnded = errors.New("the sink has ended")

// sink takes the place of the shards. It applies their order rule and records what a
// client would miss.
type sink struct {
	mu      sync.Mutex
	next    map[string]int // device -> the next record that is expected
	repeats int
	warm    int
	first   int64 // arrival of the oldest warm record
	newest  int64 // arrival of the newest one
	batches int
	faults  []string
	diff    int64 // of the last batch
	ended   bool

	blocked chan struct{} // if not nil, Deliver waits until it is closed
	after   int           // but not in the first batches, this many
}

const sinkShards = 4

func newSink() *sink { return &sink{next: make(map[string]int)} }

func (s *sink) Shards() int { return sinkShards }

func (s *sink) ShardOf(device string) int {
	h := fnv.New32a()
	h.Write([]byte(device))
	return int(h.Sum32() % sinkShards)
}

func (s *sink) AcquireBatch() *shard.Batch { return new(shard.Batch) }

func (s *sink) Deliver(ctx context.Context, n int, b *shard.Batch) error {
	s.mu.Lock()
	released := s.blocked
	if s.batches < s.after {
		released = nil
	}
	s.mu.Unlock()
	if released != nil {
		select {
		case <-released:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errSinkEnded
	}
	s.batches++
	s.diff = b.Difference
	if len(b.Positions) == 0 {
		s.fault("an empty batch for shard %d", n)
	}
	for i := range b.Positions {
		s.take(n, &b.Positions[i], b.Warm)
	}
	return nil
}

func (s *sink) take(n int, p *codec.Position, warm bool) {
	if own := s.ShardOf(p.DeviceID); own != n {
		s.fault("device %s was delivered to shard %d, want %d", p.DeviceID, n, own)
	}
	if d := time.Since(time.UnixMilli(p.Arrival)); d.Abs() > 24*time.Hour {
		s.fault("device %s arrived %v ago", p.DeviceID, d)
	}
	if p.Lat != 48.5 || p.Lon != 9.25 {
		s.fault("device %s at %v, %v", p.DeviceID, p.Lat, p.Lon)
	}
	if warm {
		if s.warm++; s.warm == 1 {
			s.first = p.Arrival
		}
		s.first, s.newest = min(s.first, p.Arrival), max(s.newest, p.Arrival)
		return
	}
	seq := int(p.TS - baseTS)
	switch next := s.next[p.DeviceID]; {
	case seq < next:
		s.repeats++
	case seq > next:
		s.fault("device %s: record %d, want %d", p.DeviceID, seq, next)
		s.next[p.DeviceID] = seq + 1
	default:
		s.next[p.DeviceID] = next + 1
	}
}

func (s *sink) fault(format string, args ...any) {
	if len(s.faults) < 5 {
		s.faults = append(s.faults, fmt.Sprintf(format, args...))
	}
}

// block makes Deliver wait until the returned function is called.
func (s *sink) block() (unblock func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	released := make(chan struct{})
	s.blocked = released
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.blocked = nil
		close(released)
	}
}

func (s *sink) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// has reports whether n records of the device have arrived.
func (s *sink) has(device string, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next[device] >= n
}

// counts returns how many batches, repeated records and warm records arrived.
func (s *sink) counts() (batches, repeats, warm int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.batches, s.repeats, s.warm
}

// difference returns the difference of the last batch, in ms.
func (s *sink) difference() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.diff
}

// warmSpan returns when the oldest and the newest warm record arrived, in ms.
func (s *sink) warmSpan() (oldest, newest int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first, s.newest
}

// check fails the test if a record was missing or wrong.
func (s *sink) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		t.Error(f)
	}
}
