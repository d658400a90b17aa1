package live

import (
	"net/netip"
	"slices"
	"testing"
)

// The slowest are those whose oldest unsent frame is oldest, then those with most bytes,
// then those that have lagged most.
func TestSlowestOrder(t *testing.T) {
	list := []SlowConnection{{ID: 1, Lagged: 9}, {ID: 2, Age: 5, Queued: 1}, {ID: 3, Age: 5, Queued: 2}, {ID: 4, Age: 6}, {ID: 5, Lagged: 9}}
	slices.SortFunc(list, slower)
	for i, want := range []uint64{4, 3, 2, 1, 5} {
		if list[i].ID != want {
			t.Fatalf("order %+v", list)
		}
	}
}

func TestAddressText(t *testing.T) {
	for addr, want := range map[string]string{"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8::1": "2001:db8::/64"} {
		if got := addrKeyOf(netip.MustParseAddr(addr)).text(); got != want {
			t.Errorf("%s is told as %s, want %s", addr, got, want)
		}
	}
}
