package report

import "testing"

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0 lagged snapshots", 1: "1 lagged snapshot", 2: "2 lagged snapshots"} {
		if got := Count(n, "lagged snapshot"); got != want {
			t.Errorf("Count(%d) is %q, want %q", n, got, want)
		}
	}
}
