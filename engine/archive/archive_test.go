package archive

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/codec"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

func TestEveryPositionIsArchivedOnce(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		r.publish(stream, 0, 1500) // before the group exists
		r.run(r.newArchive(func(o *Options) { o.BatchSize = 400 }))
		r.eventually("the group", func() bool { return r.metric("processor_archive_rows_total") > 0 })
		r.publish(stream, 1500, 500)
		r.wantRows(2000)
		r.wantMetric("processor_archive_rows_total", 2000)
		r.wantMetric("processor_archive_duplicates_total", 0)
		r.wantMetric("processor_archive_dead_total", 0)
		r.wantMetric("processor_archive_failures_total", 0)
		r.eventually("no lag", func() bool { return r.metric(`processor_archive_lag_ms{stream="telemetry:t"}`) == 0 })
	})
}

func TestTheSamePositionTwiceIsADuplicate(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		record := []string{"device_id", "d-000000", "ts", fmt.Sprint(time.Now().UnixMilli()), "lat", "1", "lon", "2"}
		for range 3 { // in one batch
			r.add(stream, record...)
		}
		stop := r.run(r.newArchive(nil))
		r.wantRows(1)
		r.add(stream, record...) // and in the next
		r.eventually("the third duplicate", func() bool { return r.metric("processor_archive_duplicates_total") == 3 })
		if err := stop(); err != nil {
			t.Error(err)
		}
		r.wantRows(1)
		r.wantMetric("processor_archive_rows_total", 1)
	})
}

func TestAnotherPositionUnderTheSameKeyIsAConflict(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		ts := fmt.Sprint(time.Now().UnixMilli())
		r.add(stream, "device_id", "d-000000", "ts", ts, "lat", "1", "lon", "2")
		inBatch := r.add(stream, "device_id", "d-000000", "ts", ts, "lat", "1", "lon", "2.5")
		r.add(stream, "device_id", "d-000001", "lat", "1", "lon", "2")
		stop := r.run(r.newArchive(nil))
		r.wantRows(2)
		later := r.add(stream, "device_id", "d-000000", "ts", ts, "lat", "1.5", "lon", "2", "note", "unknown")
		r.eventually("the second conflict", func() bool { return r.metric("processor_archive_dead_total") == 2 })
		if err := stop(); err != nil {
			t.Error(err)
		}
		r.wantRows(2)
		r.wantMetric("processor_archive_conflicts_total", 2)
		r.wantMetric("processor_archive_duplicates_total", 0)
		var got [][]string
		for _, letter := range r.deadLetters(stream) {
			got = append(got, append([]string{letter[1]}, letter[6:]...))
		}
		want := [][]string{
			{"ts_conflict", "source_id", inBatch, "field:device_id", "d-000000", "field:ts", ts, "field:lat", "1", "field:lon", "2.5"},
			{"ts_conflict", "source_id", later, "field:device_id", "d-000000", "field:ts", ts, "field:lat", "1.5", "field:lon", "2", "field:note", "unknown"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("dead letters (-want +got):\n%s", diff)
		}
	})
}

func TestInvalidRecordsBecomeDeadLetters(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		ids := []string{
			r.add(stream, "device_id", "d", "lat", "91", "lon", "0"),
			r.add(stream, "nonsense", "", "reason", "mine", "nonsense", "again"),
			r.add(stream, "device_id", "d", "payload", `{"latitude":`),
		}
		r.publish(stream, 0, 3)
		r.run(r.newArchive(nil))
		r.wantRows(3)
		r.waitMetric("processor_archive_dead_total", 3)

		var got [][]string
		for _, letter := range r.deadLetters(stream) {
			if letter[0] != deadReason || letter[2] != deadError || letter[1] == "unknown" || letter[3] == "" {
				t.Errorf("a letter begins %q", letter[:4])
			}
			got = append(got, letter[4:])
		}
		want := [][]string{
			{"source_stream", stream, "source_id", ids[0], "field:device_id", "d", "field:lat", "91", "field:lon", "0"},
			{"source_stream", stream, "source_id", ids[1], "field:nonsense", "", "field:reason", "mine", "field:nonsense", "again"},
			{"source_stream", stream, "source_id", ids[2], "field:device_id", "d", "field:payload", `{"latitude":`},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("dead letters (-want +got):\n%s", diff)
		}
		if n := r.log.count("went to the dead letters"); n != 1 {
			t.Errorf("%d log lines about dead letters, want 1", n)
		}
	})
}

func TestDeadLettersAreBounded(t *testing.T) {
	r := newRig(t, testenv.Redis(t, testenv.Args("--stream-node-max-entries", "10")).URL(), "")
	for range 300 {
		r.add(stream, "nonsense", "")
	}
	r.run(r.newArchive(func(o *Options) { o.DeadMaxLen, o.BatchSize = 50, 60 }))
	r.eventually("the letters", func() bool { return r.metric("processor_archive_dead_total") == 300 })
	r.wantNothingPends(stream)
	if n := len(r.deadLetters(stream)); n < 50 || n > 70 {
		t.Errorf("%d dead letters are kept, want about 50", n)
	}
}

// TestDeadLettersAreBoundedInBytes: the oldest letters beyond the bound are deleted,
// including those that were added by hand.
func TestDeadLettersAreBoundedInBytes(t *testing.T) {
	const most = 1 << 20
	r := newServerRig(t, "")
	key := r.client.DeadKey(stream)
	for range 150 { // by hand, or by a process that died before it trimmed
		r.server.Do("XADD", key, "*", "by", strings.Repeat("x", 20<<10))
	}
	size := func() int64 { return r.server.Do("MEMORY", "USAGE", key, "SAMPLES", "0").(int64) }
	shown := func() int { return r.metric(`processor_archive_dead_bytes{stream="telemetry:t"}`) }
	a := r.newArchive(func(o *Options) { o.DeadMaxBytes, o.BatchSize = most, 10 })
	a.CheckDeadLetters(t.Context())
	if n := size(); n > most || n < most/2 {
		t.Errorf("the letters that existed before have %d bytes, want about %d", n, most)
	}
	r.run(a)
	var last string
	for range 150 {
		last = r.add(stream, "nonsense", strings.Repeat("x", 20<<10))
	}
	r.eventually("the letters", func() bool { return r.metric("processor_archive_dead_total") == 150 })
	r.wantNothingPends(stream)
	if n := size(); n > most || n < most/2 {
		t.Errorf("the letters have %d bytes, want about %d", n, most)
	}
	if letters := r.letterIDs(); letters[len(letters)-1] != last {
		t.Errorf("the newest letter is %s, want %s", letters[len(letters)-1], last)
	}
	r.eventually("the metric", func() bool { return shown() == int(size()) })
	if r.log.count("dead letters were deleted") == 0 || r.log.count("are near DEAD_MAXLEN or DEAD_MAXBYTES") != 1 {
		t.Error("the log does not report the deleted letters, or does not warn exactly once")
	}
	r.server.Do("DEL", key)
	r.eventually("the metric to be 0", func() bool { return shown() == 0 })
}

func TestStreamsAreSeparate(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		store := &faultyStore{Store: r.db, before: func(ctx context.Context, _ int, batch []codec.Position) error {
			if batch[0].DeviceID < "d-000010" {
				<-ctx.Done() // the first stream's batch never ends
				return ctx.Err()
			}
			return nil
		}}
		stop := r.run(r.newArchive(func(o *Options) {
			o.Streams, o.Store, o.FlushTimeout = []string{stream, "other"}, store, time.Second
		}))
		r.publish(stream, 0, 10)
		r.publish("other", 10, 10)
		r.eventually("the second stream's rows", func() bool { return len(r.rows(100)) == 10 })
		r.wantNothingPends("other")
		r.eventually("the first stream's entries to be pending", func() bool { return r.pending(stream).Count == 10 })
		if err := stop(); err == nil || !strings.Contains(err.Error(), stream) || strings.Contains(err.Error(), "other") {
			t.Errorf("Run returned %v, want an error about %s alone", err, stream)
		}
	})
}

func TestBatchesWaitForMoreEntries(t *testing.T) {
	r := newRig(t, testenv.Redis(t).URL(), "")
	sizes := make(chan int, 100)
	store := &faultyStore{Store: r.db, before: func(_ context.Context, _ int, batch []codec.Position) error {
		sizes <- len(batch)
		return nil
	}}
	r.run(r.newArchive(func(o *Options) {
		o.Store, o.BatchSize, o.BatchWait, o.Block = store, 40, 500*time.Millisecond, 10*time.Second
	}))
	r.eventually("a reader that waits", func() bool {
		_, ok, err := r.client.GroupLastDelivered(t.Context(), stream, Group)
		return ok && err == nil
	})
	r.publish(stream, 0, 1)
	r.publish(stream, 1, 100)
	r.wantRows(101)
	// Records that arrive while the first batch waits fill it. The rest arrives in
	// full batches and a last one.
	var got []int
	for range r.metric("processor_archive_insert_duration_seconds_count") {
		got = append(got, <-sizes)
	}
	if diff := cmp.Diff([]int{40, 40, 21}, got); diff != "" {
		t.Errorf("rows per insert (-want +got):\n%s", diff)
	}
}

func TestLagIsTheAgeOfTheOldestWaitingEntry(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		const lag = `processor_archive_lag_ms{stream="telemetry:t"}`
		release := make(chan struct{})
		store := &faultyStore{Store: r.db, before: func(context.Context, int, []codec.Position) error {
			<-release
			return nil
		}}
		r.run(r.newArchive(func(o *Options) { o.Store = store }))
		r.publish(stream, 0, 1)
		r.eventually("the first insert", func() bool { return store.calls() == 1 })
		r.eventually("a newer entry", func() bool {
			r.add(stream, "device_id", "d-000001", "ts", "1700000000000", "lat", "1", "lon", "1")
			last, err := r.client.LastID(t.Context(), stream)
			if err != nil {
				t.Fatal(err)
			}
			return msBetween(last, r.pending(stream).Oldest) >= 100
		})
		r.eventually("the lag to be shown", func() bool { return r.metric(lag) >= 100 })
		close(release)
		r.eventually("the lag to be 0", func() bool { return r.metric(lag) == 0 })
		r.wantRows(2)
	})
}

func TestMetricsExistFromTheStart(t *testing.T) {
	r := newRig(t, testenv.Redis(t).URL(), "")
	r.newArchive(nil)
	for _, name := range []string{"rows_total", "duplicates_total", "conflicts_total", "dead_total", "lost_total",
		"claimed_total", "failures_total", "read_errors_total", "groups_lost_total"} {
		r.wantMetric("processor_archive_"+name, 0)
	}
}

func TestMsBetween(t *testing.T) {
	at := func(ms uint64) redis.ID { return redis.ID{Ms: ms, Seq: 3} }
	for _, tt := range []struct {
		name         string
		newest, done redis.ID
		want         int64
	}{
		{"up to date", at(5), at(5), 0},
		{"a lag of a second", at(1005), at(5), 1000},
		{"a stream that was reset", at(5), at(1005), 0},
		{"an empty stream", redis.ID{}, redis.ID{}, 0},
	} {
		if got := msBetween(tt.newest, tt.done); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
