package feed

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/redis"
	"pitwall/shard"
)

// keepingSink is a sink that keeps its batches.
type keepingSink struct {
	*sink
	got []codec.Position
}

func (k *keepingSink) Deliver(_ context.Context, _ int, b *shard.Batch) error {
	k.got = append(k.got, b.Positions...)
	return nil
}

// An invalid optional value is counted, and its position is kept. A record without
// a valid time is marked and has the time of its entry.
func TestLeftOutValuesAreCountedAndTheirPositionsKept(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		m := newMeters(b.set)
		kept := &keepingSink{sink: b.sink}
		limits := codec.DefaultLimits()
		limits.RejectNullIsland = true
		batcher := newBatcher(kept, limits, &m, slog.New(slog.NewTextHandler(b.log, nil)))
		for _, o := range codec.Omissions() {
			if name := leftOut(o); b.metric(name) != "0" {
				t.Errorf("%s is %q before the first record, want 0", name, b.metric(name))
			}
		}
		records := [][]string{{"alt", ""}, {"alt", "nan"}, {"faulty", "maybe"}, {"attributes", `{"a":"\u0000","b":[null]}`}, {"ts", ""}, {"ts", "0"}, {"lat", "0", "lon", "0"}}
		now := time.Now().UnixMilli()
		for n, more := range records {
			b.addAt("s", fmt.Sprintf("%d-%d", now, n), append([]string{"device_id", "d", "lat", "1", "lon", "2"}, more...))
		}
		entries, err := b.client.Range(t.Context(), "s", redis.ID{}, redis.MaxID, 100, nil)
		if err != nil || len(entries) != len(records) {
			t.Fatalf("%d entries: %v", len(entries), err)
		}
		for _, warm := range []bool{true, false} {
			kept.got = nil
			if err := batcher.decodeAndDeliver(t.Context(), entries, 0, warm); err != nil || len(kept.got) != len(records) {
				t.Fatalf("%d positions of %d records: %v", len(kept.got), len(records), err)
			}
			for n, p := range kept.got {
				faulty := n == 2 || n == 6
				if p.TS != now+int64(n) || !p.Untimed || p.Arrival != now || p.Has != 0 || p.Faulty != faulty {
					t.Errorf("record %q, warm %t: %+v", records[n], warm, p)
				}
			}
			if got := kept.got[3].Attributes; got != `{"b":[null]}` {
				t.Errorf("attributes %s", got)
			}
		}
		want := map[codec.Omission]string{
			{Value: codec.OptionalAlt, Reason: codec.ReasonNumber}: "2", {Value: codec.OptionalFaulty, Reason: codec.ReasonType}: "1", {Value: codec.OptionalAttribute, Reason: codec.ReasonText}: "1",
		}
		for _, o := range codec.Omissions() {
			if got := b.metric(leftOut(o)); got != want[o] && (got != "0" || want[o] != "") {
				t.Errorf("%s is %s, want %q: the warm start is not counted", leftOut(o), got, want[o])
			}
		}
		if n := b.log.count("an optional value is wrong"); n != len(want) {
			t.Errorf("%d lines for %d kinds of omission", n, len(want))
		}
	})
}

// leftOut returns the name of an omission's counter.
func leftOut(o codec.Omission) string {
	return fmt.Sprintf("processor_live_fields_left_out_total{field=%q,reason=%q}", o.Value, o.Reason)
}
