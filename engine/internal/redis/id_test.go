package redis

import (
	"math"
	"testing"
	"time"
)

func TestParseID(t *testing.T) {
	const top = "18446744073709551615"
	for _, tt := range []struct {
		name, in string
		want     ID
		ok       bool
	}{
		{"both parts", "1700000000000-12", ID{1700000000000, 12}, true},
		{"no sequence", "1700000000000", ID{Ms: 1700000000000}, true},
		{"zero", "0-0", ID{}, true},
		{"largest", top + "-" + top, MaxID, true},
		{"beyond the largest", "18446744073709551616-0", ID{}, false},
		{"empty", "", ID{}, false},
		{"no milliseconds", "-1", ID{}, false},
		{"dash at the end", "1-", ID{}, false},
		{"two dashes", "1-2-3", ID{}, false},
		{"sign", "+1-0", ID{}, false},
		{"blank", "1 -0", ID{}, false},
		{"other separator", "1.0", ID{}, false},
		{"letters", "$", ID{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseID(tt.in)
			if got != tt.want || (err == nil) != tt.ok {
				t.Fatalf("ParseID(%q) = %v, %v", tt.in, got, err)
			}
			if !tt.ok {
				return
			}
			if back, err := ParseID(got.String()); err != nil || back != got {
				t.Errorf("%q reads back as %v, %v", got.String(), back, err)
			}
		})
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = ParseID("1700000000000-12") }); n != 0 {
		t.Errorf("ParseID allocates %v times", n)
	}
}

func TestIDOrder(t *testing.T) {
	rising := []ID{{}, {0, 1}, {1, 0}, {1, 5}, {2, 0}, {math.MaxUint64, 0}, MaxID}
	for i, a := range rising {
		for j, b := range rising {
			if got := a.Less(b); got != (i < j) {
				t.Errorf("%v < %v: %v", a, b, got)
			}
			if got := a.Compare(b); (got == 0) != (i == j) {
				t.Errorf("%v against %v: %v", a, b, got)
			}
		}
	}
	if !rising[0].IsZero() || rising[1].IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestIDPrev(t *testing.T) {
	for _, tt := range []struct{ in, want ID }{
		{ID{}, ID{}},
		{ID{0, 1}, ID{}},
		{ID{7, 9}, ID{7, 8}},
		{ID{8, 0}, ID{7, math.MaxUint64}},
	} {
		if got := tt.in.Prev(); got != tt.want {
			t.Errorf("%v.Prev() = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestIDNext(t *testing.T) {
	for _, tt := range []struct{ in, want ID }{
		{ID{}, ID{0, 1}},
		{ID{7, 8}, ID{7, 9}},
		{ID{7, math.MaxUint64}, ID{8, 0}},
		{MaxID, MaxID},
	} {
		if got := tt.in.Next(); got != tt.want {
			t.Errorf("%v.Next() = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestIDSub(t *testing.T) {
	for _, tt := range []struct {
		in   ID
		d    time.Duration
		want ID
	}{
		{ID{10000, 3}, 0, ID{10000, 3}},
		{ID{10000, 3}, -time.Second, ID{10000, 3}},
		{ID{10000, 3}, time.Second, ID{9000, 0}},
		{ID{10000, 3}, 10 * time.Second, ID{}},
		{ID{10000, 3}, time.Hour, ID{}},
	} {
		if got := tt.in.Sub(tt.d); got != tt.want {
			t.Errorf("%v.Sub(%v) = %v, want %v", tt.in, tt.d, got, tt.want)
		}
	}
}
