package archive

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/engine/internal/redis"
)

// listLetters returns the dead letters of the stream.
func (r *rig) listLetters() []DeadLetter {
	r.t.Helper()
	list, err := ListDeadLetters(r.t.Context(), r.client, stream)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func TestDeadLettersAreFoldedReplayedAndDropped(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		first := r.add(stream, "device_id", "d-000000", "lat", "91", "lon", "1", "note", "x")
		second := r.add(stream, "device_id", "", "field:odd", "1")
		r.run(r.newArchive(nil))
		r.eventually("two letters", func() bool { return len(r.listLetters()) == 2 })
		// A repeated letter, as a crash between letter and acknowledgement leaves
		// it, and an entry that is no letter.
		letters := r.deadLetters(stream)
		r.add(r.client.DeadKey(stream), letters[0]...)
		r.add(r.client.DeadKey(stream), "by", "hand")

		list := r.listLetters()
		if len(list) != 2 || list[0].ID.String() != first || list[1].ID.String() != second {
			t.Fatalf("letters %+v, want of %s and %s", list, first, second)
		}
		if n := len(list[0].Entries); n != 2 || list[0].Reason != "out_of_range" || list[0].Error == "" {
			t.Errorf("%d entries of letter %+v, want 2", n, list[0])
		}
		got, err := list[1].Original(t.Context(), r.client)
		if diff := cmp.Diff([]string{"device_id", "", "field:odd", "1"}, got); err != nil || diff != "" {
			t.Errorf("%v; original (-want +got):\n%s", err, diff)
		}
		if err := list[1].Drop(t.Context(), r.client); err != nil {
			t.Fatal(err)
		}
		id, err := list[0].Replay(t.Context(), r.client)
		if err != nil {
			t.Fatal(err)
		}
		replayed, err := r.client.Range(t.Context(), stream, id, id, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"device_id", "d-000000", "lat", "91", "lon", "1", "note", "x", "ts", fmt.Sprint(list[0].ID.Ms)}
		if diff := cmp.Diff(want, replayed[0].Fields); diff != "" {
			t.Errorf("replayed record (-want +got):\n%s", diff)
		}
		// The record is still broken: a new letter, with the new id.
		r.eventually("its new letter", func() bool { l := r.listLetters(); return len(l) == 1 && l[0].ID == id })
	})
}

// TestReplayKeepsTheTime replays records that have become valid.
func TestReplayKeepsTheTime(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		stop := r.run(r.newArchive(func(o *Options) { o.Limits.MinTS = time.Now().Add(time.Hour).UnixMilli() }))
		came := r.add(stream, "device_id", "d-000000", "lat", "1", "lon", "1")
		own := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
		r.add(stream, "device_id", "d-000001", "lat", "1", "lon", "1", "ts", own.Format(time.RFC3339Nano))
		r.eventually("two letters", func() bool { return len(r.listLetters()) == 2 })
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for _, l := range r.listLetters() {
			if _, err := l.Replay(t.Context(), r.client); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(r.listLetters()); n != 0 {
			t.Errorf("%d letters are left", n)
		}
		r.run(r.newArchive(nil))
		r.wantRows(2)
		ms, err := redis.ParseID(came)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, p := range r.rows(2) {
			got = append(got, p.TS)
		}
		if want := []int64{int64(ms.Ms), own.UnixMilli()}; !slices.Equal(got, want) {
			t.Errorf("times of the rows %v, want %v", got, want)
		}
	})
}

func TestListDeadLettersReadsPageByPage(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		n := 2*letterPage + 1
		records := make([][]string, n)
		for i := range records {
			records[i] = []string{"nonsense", strings.Repeat("x", i%7)}
		}
		if err := r.client.AddAll(t.Context(), stream, 0, records); err != nil {
			t.Fatal(err)
		}
		r.run(r.newArchive(nil))
		r.eventually("all letters", func() bool { return len(r.listLetters()) == n })
	})
}
