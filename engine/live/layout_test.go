package live

import (
	"reflect"
	"testing"
)

// What a turn needs of a session, its outbox, is one cache line. That depends on
// the size of the session, too, by which the allocator chooses where to put it.
func TestOutboxIsOneCacheLine(t *testing.T) {
	const line = 64
	if n := reflect.TypeFor[outbox]().Size(); n > line {
		t.Errorf("an outbox has %d bytes, want %d at most", n, line)
	}
	if f, _ := reflect.TypeFor[session]().FieldByName("outbox"); f.Offset != 0 {
		t.Errorf("the outbox is at offset %d of the session, want 0", f.Offset)
	}
	for range 100 {
		s := &session{flushed: make(chan struct{})}
		if at := reflect.ValueOf(s).Pointer(); at%line != 0 {
			t.Fatalf("a session of %d bytes is at %#x, want the start of a cache line", reflect.TypeFor[session]().Size(), at)
		}
	}
}
