package live

import (
	"reflect"
	"testing"
)

// What a turn looks at of a session is the first cache line of it: the session's
// size, and where the allocator puts it, keep it so.
func TestOutboxIsOneCacheLine(t *testing.T) {
	const line = 64
	if n := reflect.TypeFor[outbox]().Size(); n > line {
		t.Errorf("hot takes %d bytes, want %d at most", n, line)
	}
	if f, _ := reflect.TypeFor[session]().FieldByName("outbox"); f.Offset != 0 {
		t.Errorf("hot begins at %d", f.Offset)
	}
	for range 100 {
		s := &session{flushed: make(chan struct{})}
		if at := reflect.ValueOf(s).Pointer(); at%line != 0 {
			t.Fatalf("a session of %d bytes begins at %#x, in the middle of a cache line", reflect.TypeFor[session]().Size(), at)
		}
	}
}
