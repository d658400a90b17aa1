package archive

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// healthPart returns the health of a part of the archive.
func (r *rig) healthPart(a *Archive, name string) health.Status {
	r.t.Helper()
	for _, p := range a.opt.Health.Parts() {
		if p.Part == name {
			return p
		}
	}
	r.t.Fatalf("no part %q in %v", name, a.opt.Health.Parts())
	return health.Status{}
}

// lagOfStream returns the lag metric of a stream.
func (r *rig) lagOfStream(stream string) int {
	return r.metric(`processor_archive_lag_ms{stream="` + stream + `"}`)
}

// refusingStore fails batches that contain a device with the prefix, like a table whose
// rows are locked.
type refusingStore struct {
	Store
	refuse string
}

var errRowsLocked = errors.New("these rows are locked")

func (s *refusingStore) InsertPositions(ctx context.Context, batch []codec.Position) (db.InsertResult, error) {
	for i := range batch {
		if strings.HasPrefix(batch[i].DeviceID, s.refuse) {
			return db.InsertResult{}, errRowsLocked
		}
	}
	return s.Store.InsertPositions(ctx, batch)
}

// While another stream is archived, the fault of a stream whose inserts fail stays, and
// its lag grows.
func TestAHealthyStreamDoesNotHideAFailedOne(t *testing.T) {
	r := newRig(t, testenv.Redis(t).URL(), "")
	a := r.newArchive(func(o *Options) {
		o.Store, o.Streams = &refusingStore{r.db, "locked"}, []string{stream, "other"}
		o.ReadyFault, o.ReadyLag = time.Nanosecond, time.Nanosecond
	})
	r.run(a)
	r.add("other", "device_id", "locked-1", "lat", "1", "lon", "1")
	r.eventually("the fault", func() bool { return a.Ready() != nil })
	r.publish(stream, 0, 50)
	r.wantRows(50)
	last := r.lagOfStream("other")
	for range 2 {
		r.eventually("its lag to grow", func() bool { return r.lagOfStream("other") > last })
		last = r.lagOfStream("other")
	}
	r.eventually("both reasons", func() bool {
		p := r.healthPart(a, "archive other")
		return p.State == health.Failed && strings.Contains(p.Reason, errRowsLocked.Error()) && strings.Contains(p.Reason, "the lag of the table")
	})
	r.eventually("the other stream to be healthy", func() bool { return r.healthPart(a, "archive "+stream).State == health.OK })
	if p := r.healthPart(a, "archive other"); p.State != health.Failed {
		t.Errorf("the health of the failed stream is %+v, want %v", p, health.Failed)
	}
}

// Without a server the lag of an idle stream grows as well, because it is not known
// whether entries are waiting.
func TestLagGrowsWhileTheServerIsAway(t *testing.T) {
	s := testenv.Redis(t, testenv.AOF())
	r := newRig(t, s.URL(), "")
	a := r.newArchive(func(o *Options) { o.ReadyFault, o.ReadyLag = time.Nanosecond, time.Nanosecond })
	r.run(a)
	r.publish(stream, 0, 10)
	r.wantRows(10)
	r.eventually("no lag", func() bool { return r.lagOfStream(stream) == 0 && a.Ready() == nil })
	s.Stop()
	last := 0
	for range 2 {
		r.eventually("the lag to grow", func() bool { return r.lagOfStream(stream) > last })
		last = r.lagOfStream(stream)
	}
	if err := a.Ready(); err == nil || !strings.Contains(err.Error(), "archive "+stream) {
		t.Errorf("ready without a server: %v", err)
	}
	s.Start()
	r.eventually("no lag again", func() bool { return r.lagOfStream(stream) == 0 && a.Ready() == nil })
	if n := r.log.count("part has recovered"); n == 0 {
		t.Error("the recovery is not logged")
	}
}

// The lag is the age of the oldest entry that is not in the table: one that is pending
// on any process, otherwise the first that was not delivered.
func TestLagIsMeasuredFromTheOldestUnarchivedEntry(t *testing.T) {
	s := testenv.Redis(t)
	r := newRig(t, s.URL(), "")
	m := r.newArchive(nil).monitors[0]
	since := func(what string, id int64) {
		t.Helper()
		before, err := r.client.Time(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		lag, err := m.lagAge(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		after, err := r.client.Time(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		if low, high := before.UnixMilli()-id, after.UnixMilli()-id; id != 0 && (lag.Milliseconds() < low || lag.Milliseconds() > high) {
			t.Errorf("%s: %v, want %d to %d ms", what, lag, low, high)
		} else if id == 0 && lag != 0 {
			t.Errorf("%s: %v, want none", what, lag)
		}
	}
	since("no stream", 0)
	s.Do("XADD", stream, "1000-0", "a", "1")
	since("no group", 1000)
	s.Do("XGROUP", "CREATE", stream, Group, "0")
	s.Do("XADD", stream, "2000-0", "a", "1")
	s.Do("XADD", stream, "3000-0", "a", "1")
	since("nothing was delivered", 1000)
	s.Do("XREADGROUP", "GROUP", Group, "another", "COUNT", "2", "STREAMS", stream, ">")
	since("two are pending on another process", 1000)
	s.Do("XACK", stream, Group, "1000-0")
	since("one is pending", 2000)
	s.Do("XACK", stream, Group, "2000-0")
	since("the last was not delivered", 3000)
	s.Do("XDEL", stream, "3000-0")
	since("it was deleted", 0)
}

// A key of another type under the name of the dead letters is reported by name, before
// any record is broken. The check leaves nothing behind.
func TestADeadLetterKeyOfAnotherTypeIsReported(t *testing.T) {
	s := testenv.Redis(t)
	r := newRig(t, s.URL(), "")
	key := r.client.DeadKey(stream)
	s.Do("SET", key, "a plain value")
	a := r.newArchive(func(o *Options) { o.ReadyFault = time.Hour })
	a.CheckDeadLetters(t.Context())
	if err := a.Ready(); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("at the start: %v", err)
	}
	r.run(a)
	r.publish(stream, 0, 10)
	r.wantRows(10)
	if got := s.Do("GET", key); got != "a plain value" {
		t.Errorf("the key now holds %v", got)
	}
	s.Do("DEL", key)
	r.eventually("the recovery", func() bool { return a.Ready() == nil })
	if n := s.Do("EXISTS", key); n != int64(0) {
		t.Error("the check left a key")
	}
	for _, text := range []string{"part has a fault", "part has recovered"} {
		if n := r.log.count(text); n != 1 {
			t.Errorf("%q is logged %d times, want once", text, n)
		}
	}
}

// A login that may not write dead letters is reported at once, with the missing right.
func TestALoginThatMayNotWriteDeadLettersIsReported(t *testing.T) {
	s := testenv.Redis(t)
	admin := newRig(t, s.URL(), "")
	key := admin.client.DeadKey(stream)
	s.Do("ACL", "SETUSER", "bob", "on", ">pw", "+@all", "~"+stream)
	r := newRig(t, "redis://bob:pw@"+s.Addr(), "")
	a := r.newArchive(func(o *Options) { o.ReadyFault = time.Hour })
	a.CheckDeadLetters(t.Context())
	if err := a.Ready(); err == nil || !strings.Contains(err.Error(), "+xadd ~"+key) {
		t.Errorf("without the key: %v", err)
	}
	s.Do("ACL", "SETUSER", "bob", "~"+key, "-xadd")
	a.CheckDeadLetters(t.Context())
	if err := a.Ready(); err == nil || !strings.Contains(err.Error(), "+xadd ~"+key) || strings.Contains(err.Error(), "+xlen") {
		t.Errorf("without XADD: %v", err)
	}
	s.Do("ACL", "SETUSER", "bob", "+xadd")
	a.CheckDeadLetters(t.Context())
	if err := a.Ready(); err != nil {
		t.Errorf("with both: %v", err)
	}
	if n := s.Do("EXISTS", key); n != int64(0) {
		t.Error("the checks left a key")
	}
}

// With ARCHIVE_READY_FAULT_MS=0 faults of the archive are shown, but none makes the
// process unready.
func TestFaultsAreShownWhenReadinessIgnoresThem(t *testing.T) {
	s := testenv.Redis(t)
	r := newRig(t, s.URL(), "")
	s.Do("SET", r.client.DeadKey(stream), "a plain value")
	a := r.newArchive(func(o *Options) { o.Store = &refusingStore{r.db, "d"} })
	r.run(a)
	r.publish(stream, 0, 1)
	for _, name := range []string{"archive " + stream, "dead letters " + stream} {
		r.eventually("the fault of "+name, func() bool { return r.healthPart(a, name).State == health.Degraded })
	}
	if err := a.Ready(); err != nil {
		t.Error(err)
	}
}

// A process that stops before its group was created has nothing pending: no error.
func TestStoppingWithoutAGroupIsNoError(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.newArchive(nil).Run(ended); err != nil {
			t.Errorf("without a stream: %v", err)
		}
		r.publish(stream, 0, 1)
		if err := r.newArchive(nil).Run(ended); err != nil {
			t.Errorf("without a group: %v", err)
		}
		if _, err := r.client.PendingSummary(t.Context(), stream, Group); !redis.IsNoGroup(err) {
			t.Errorf("the group was created: %v", err)
		}
	})
}
