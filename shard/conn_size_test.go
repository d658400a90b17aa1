//go:build !plainring

package shard

import (
	"reflect"
	"testing"
)

// A connection is two cache lines, and a push and a turn need only the first. The plain
// ring (tag plainring) contains a lock and a slice and is larger.
func TestConnIsTwoCacheLines(t *testing.T) {
	const line = 64
	k := reflect.TypeFor[Conn]()
	if k.Size() != 2*line {
		t.Errorf("a Conn takes %d bytes, want %d", k.Size(), 2*line)
	}
	for _, name := range []string{"ring", "queued", "state", "stream", "next", "core", "Owner"} {
		if f, ok := k.FieldByName(name); !ok || f.Offset+f.Type.Size() > line {
			t.Errorf("%s ends at %d, beyond the first cache line", name, f.Offset+f.Type.Size())
		}
	}
}
