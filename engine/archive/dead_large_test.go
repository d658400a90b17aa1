package archive

import (
	"strings"
	"testing"
)

// TestLargeRecordsBecomeLetters: a record that a server accepts in a stream is accepted
// as a dead letter, which is larger.
func TestLargeRecordsBecomeLetters(t *testing.T) {
	many := make([]string, 900) // empty names: only the prefix is left
	for i := 1; i < len(many); i += 2 {
		many[i] = strings.Repeat("y", 90)
	}
	onAllServers(t, func(t *testing.T, r *rig) {
		r.add(stream, "device_id", "large", "payload", strings.Repeat("x", 65_000))
		r.add(stream, append([]string{"device_id", "many"}, many...)...)
		r.publish(stream, 0, 5)
		r.run(r.newArchive(nil))
		r.wantRows(5)
		r.wantNothingPends(stream)
		letters := r.deadLetters(stream)
		if len(letters) != 2 || len(letters[1]) != deadOverhead+2+len(many) {
			t.Errorf("%d dead letters, want both records whole", len(letters))
		}
	})
}
