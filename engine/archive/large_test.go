package archive

import (
	"strings"
	"testing"

	"pitwall/engine/internal/redis"
)

// TestEntryTooLarge: an entry that takes longer than any fixed deadline, and an entry
// that exceeds the bound of a reply, do not block the stream. Each becomes a dead letter
// with its id and no fields.
func TestEntryTooLarge(t *testing.T) {
	for _, tt := range []struct {
		name     string
		bytes    int
		rate     int   // of the link, in bytes per second
		maxReply int64 // the bound of a reply
	}{
		{"8 MiB over 1.5 MiB/s", 8 << 20, 1500 << 10, 0},
		{"more than the bound of a reply", 6 << 20, 0, 4 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, proxy := newProxiedRig(t)
			r.publish(stream, 0, 20)
			large, _ := r.server.Do("XADD", stream, "*", "device_id", "d-large", "lat", "1", "lon", "1", "attributes", strings.Repeat("x", tt.bytes)).(string)
			r.publish(stream, 20, 20)
			proxy.Throttle(tt.rate)
			r.run(r.newArchive(func(o *Options) { o.MaxReply = tt.maxReply }))
			r.eventually("the letter", func() bool { return len(r.letterIDs()) == 1 })
			proxy.Throttle(0)
			r.wantRows(40)
			l := r.deadLetters(stream)[0]
			if l[1] != reasonEntry || l[7] != large || len(l) != deadOverhead {
				t.Errorf("the letter is %.300v, want only the id and the reason", l)
			}
			letters, err := ListDeadLetters(t.Context(), r.client, stream)
			if err != nil || len(letters) != 1 {
				t.Fatalf("%v, %v", letters, err)
			}
			if _, err := letters[0].Replay(t.Context(), r.client); err == nil || !strings.Contains(err.Error(), large) {
				t.Errorf("Replay: %v, want an error with the id", err)
			}
			if n := len(r.letterIDs()); n != 1 {
				t.Errorf("%d letters after the failed replay, want 1", n)
			}
		})
	}
}

// TestLargestEntry: an entry of the largest allowed size is archived.
func TestLargestEntry(t *testing.T) {
	r := newServerRig(t, "")
	fields := []string{"device_id", "d-000000", "lat", "1", "lon", "1", "fill", ""}
	e := redis.Entry{Fields: fields}
	fields[len(fields)-1] = strings.Repeat("x", redis.MaxEntry-e.Size())
	r.add(stream, fields...)
	r.run(r.newArchive(nil))
	r.wantRows(1)
	if n := len(r.deadLetters(stream)); n != 0 {
		t.Errorf("%d letters", n)
	}
}
