package archive

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// addUndecodable adds a record that does not decode.
func (r *rig) addUndecodable() (id string) {
	r.t.Helper()
	return r.add(stream, "device_id", "d", "lat", "91", "lon", "0")
}

// letterIDs returns the source ids of the dead letters, sorted as text.
func (r *rig) letterIDs() (ids []string) {
	for _, l := range r.deadLetters(stream) {
		ids = append(ids, l[7])
	}
	slices.Sort(ids)
	return ids
}

// TestDeadLettersThatCannotBeWritten: good records are archived. Broken ones stay
// pending on their consumer and become letters when the key can be written.
func TestDeadLettersThatCannotBeWritten(t *testing.T) {
	for _, tt := range []struct {
		name       string
		begin, end []string
	}{
		{"a key of another type", []string{"SET", stream + ":dead", "x"}, []string{"DEL", stream + ":dead"}},
		{"no right to write the key", []string{"ACL", "SETUSER", "default", "resetkeys", "~" + stream, "%R~*"}, []string{"ACL", "SETUSER", "default", "allkeys"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newServerRig(t, "")
			r.server.Do(tt.begin...)
			a := r.newArchive(retryOften)
			r.run(a)
			first := r.addUndecodable()
			r.publish(stream, 0, 50)
			second := r.addUndecodable()
			r.publish(stream, 50, 50)
			r.eventually("the good rows", func() bool { return len(r.rows(200)) == 100 && r.pending(stream).Count == 2 })
			r.eventually("the metrics of the held entries", func() bool {
				return r.metric(`processor_archive_held_entries{stream="telemetry:t"}`) == 2 && r.metric(`processor_archive_held_bytes{stream="telemetry:t"}`) == 2*len("device_iddlat91lon0")
			})
			other := r.run(r.newArchive(func(o *Options) { o.Consumer, o.ClaimInterval = "two", 20*time.Millisecond }))
			r.eventually("several attempts of the owner", func() bool { return r.delivered(first) >= 5 && r.delivered(second) >= 5 })
			r.publish(stream, 100, 50)
			r.eventually("more rows", func() bool { return len(r.rows(200)) == 150 && r.pending(stream).Count == 2 })
			r.wantMetric("processor_archive_claimed_total", 0)
			r.eventually("readiness names the key", func() bool {
				err := a.Ready()
				return err != nil && strings.Contains(err.Error(), stream+":dead")
			})
			if n := r.log.count("dead letters cannot be written"); n == 0 {
				t.Error("the log does not report it")
			}
			if err := other(); err != nil {
				t.Error(err)
			}
			r.server.Do(tt.end...)
			r.wantNothingPends(stream)
			if got := r.letterIDs(); fmt.Sprint(got) != fmt.Sprint([]string{first, second}) {
				t.Errorf("letters of %v, want of %s and %s", got, first, second)
			}
			r.waitMetric("processor_archive_dead_total", 2)
			r.eventually("the metrics of the held entries to be 0", func() bool {
				return r.metric(`processor_archive_held_entries{stream="telemetry:t"}`) == 0 && r.metric(`processor_archive_held_bytes{stream="telemetry:t"}`) == 0
			})
			if n := r.log.count("dead letters can be written again"); n != 1 {
				t.Errorf("%d log lines about the recovery, want 1", n)
			}
		})
	}
}

// TestHeldEntriesAreBounded: at the bound reading the stream stops, and readiness
// names the key. Nothing is dropped.
func TestHeldEntriesAreBounded(t *testing.T) {
	const most, n = 20, 50
	for _, tt := range []struct {
		name  string
		bound func(*heldBack)
	}{
		{"entries", func(h *heldBack) { h.maxEntries = most }},
		{"bytes", func(h *heldBack) { h.maxBytes = 10 * most }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newServerRig(t, "")
			key := r.client.DeadKey(stream)
			r.server.Do("SET", key, "x")
			a := r.newArchive(func(o *Options) { retryOften(o); o.BatchSize = 7 })
			tt.bound(a.held[stream])
			var want []string
			for range n {
				want = append(want, r.addUndecodable())
			}
			r.publish(stream, 0, 10)
			r.run(a)
			r.eventually("readiness to say so", func() bool {
				err := a.Ready()
				return err != nil && strings.Contains(err.Error(), key) && strings.Contains(err.Error(), "not read any further")
			})
			r.eventually("several attempts", func() bool { return r.delivered(want[0]) >= 5 })
			if p := r.pending(stream).Count; p > most || p == 0 {
				t.Errorf("%d entries are pending, want at most %d", p, most)
			}
			if rows := len(r.rows(20)); rows != 0 {
				t.Errorf("%d rows of entries after the bound, want none", rows)
			}
			r.server.Do("DEL", key)
			r.wantRows(10)
			slices.Sort(want)
			if got := r.letterIDs(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("letters of %v, want of %v", got, want)
			}
			r.eventually("readiness", func() bool { return a.Ready() == nil })
		})
	}
}

// TestRefusedRowsAreBounded is the same for a database that refuses every row.
func TestRefusedRowsAreBounded(t *testing.T) {
	r := newServerRig(t, migratedURL(t))
	pg := testenv.Postgres(t)
	pg.Query(r.pgURL, rowTrigger("RAISE 'broken';"))
	a := r.newArchive(func(o *Options) { retryOften(o); o.ReadyFault, o.BatchSize = 0, 30 })
	a.held[stream].maxEntries = 100
	r.publish(stream, 0, 250)
	r.run(a)
	r.eventually("readiness to say so", func() bool {
		err := a.Ready()
		return err != nil && strings.Contains(err.Error(), "refuses 100 entries") && strings.Contains(err.Error(), "broken")
	})
	r.eventually("several retries", func() bool { return r.delivered(r.firstPending()) >= 5 })
	if p := r.pending(stream).Count; p != 100 {
		t.Errorf("%d entries are pending, want 100", p)
	}
	pg.Query(r.pgURL, dropTrigger)
	r.wantRows(250)
	r.wantMetric("processor_archive_dead_total", 0)
	r.eventually("readiness", func() bool { return a.Ready() == nil })
}

// TestARestartKeepsHeldEntries: entries that were held back are still there after a
// restart, and cause no error.
func TestARestartKeepsHeldEntries(t *testing.T) {
	r := newServerRig(t, "")
	key := r.client.DeadKey(stream)
	r.server.Do("SET", key, "x")
	id := r.addUndecodable()
	for range 3 {
		stop := r.run(r.newArchive(retryOften))
		before := r.delivered(id)
		r.eventually("an attempt", func() bool { return r.delivered(id) > before })
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	r.server.Do("DEL", key)
	r.run(r.newArchive(retryOften))
	r.wantNothingPends(stream)
	if got := r.letterIDs(); len(got) != 1 || got[0] != id {
		t.Errorf("letters of %v, want of %s", got, id)
	}
}

func TestHeldBack(t *testing.T) {
	m := newMeters(metrics.NewSet())
	h := newHeldBack("s", "s:dead", &m)
	h.maxEntries, h.maxBytes = 3, 100
	entry := func(ms uint64, size int) *redis.Entry {
		return &redis.Entry{ID: redis.ID{Ms: ms}, Fields: []string{"name", strings.Repeat("x", size-4)}}
	}
	want := func(when string, room int, bytes int64, fault bool) {
		t.Helper()
		if h.room() != room || h.bytes != bytes || (h.fault() != nil) != fault || h.empty() != (len(h.entries) == 0) {
			t.Errorf("%s: room for %d, %d bytes, fault %v; want %d, %d, %v", when, h.room(), h.bytes, h.fault(), room, bytes, fault)
		}
	}
	want("at first", 3, 0, false)
	h.beginPass()
	h.add(entry(1, 10), 0)
	h.add(entry(2, 20), 7)
	want("with two", 1, 30, false)
	h.add(entry(2, 20), 7)
	want("with one of them again", 1, 30, false)
	h.add(entry(3, 20), 0)
	want("at the bound of entries", 0, 50, true)
	if h.refusedAt(redis.ID{Ms: 2}) != 7 || h.refusedAt(redis.ID{Ms: 1}) != 0 || h.refusedAt(redis.ID{Ms: 9}) != 0 {
		t.Error("refusedAt returns wrong ticks")
	}
	h.beginPass()
	h.add(entry(3, 20), 0)
	if want("during the next pass", 0, 50, true); !h.endPass() {
		t.Error("endPass does not report that the last refused row is gone")
	}
	want("after it", 2, 20, false)
	h.add(entry(4, 90), 0)
	want("at the bound of bytes", 0, 110, true)
	if h.setLettersError(errors.New("x")) || !h.setLettersError(nil) || h.setLettersError(nil) {
		t.Error("setLettersError does not return the previous state")
	}
	h.beginPass()
	if h.endPass() {
		t.Error("endPass reports refused rows, but there were none")
	}
	want("when all is done", 3, 0, false)
}

// TestHeldEntriesAreRetriedInTime: entries are retried at the interval, and always
// before another process may claim them.
func TestHeldEntriesAreRetriedInTime(t *testing.T) {
	for _, tt := range []struct{ interval, idle, want time.Duration }{
		{5 * time.Second, 10 * time.Second, 5 * time.Second},
		{time.Second, 10 * time.Second, time.Second},
		{time.Hour, 10 * time.Second, 5 * time.Second},
		{time.Hour, time.Millisecond, minRetryEvery},
	} {
		r := &reader{opt: &Options{ClaimInterval: tt.interval, ClaimIdle: tt.idle}}
		if got := r.retryEvery(); got != tt.want {
			t.Errorf("interval %v, idle %v: retried every %v, want %v", tt.interval, tt.idle, got, tt.want)
		}
	}

	r := newServerRig(t, "")
	key := r.client.DeadKey(stream)
	r.server.Do("SET", key, "x")
	r.run(r.newArchive(func(o *Options) { o.ClaimInterval, o.ClaimIdle = time.Hour, 200*time.Millisecond }))
	id := r.addUndecodable()
	r.eventually("attempts", func() bool { return r.delivered(id) >= 3 })
	r.server.Do("DEL", key)
	r.wantNothingPends(stream)
}
