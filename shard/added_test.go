package shard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
)

// A second record of the same time and place adds its new attributes, once, for
// those who watch and for those who come later.
func TestRecordOfTheSameTimeAndPlaceAddsItsAttributes(t *testing.T) {
	x := newTracked(t, Config{})
	at := func(lat float64, attributes codec.Attributes) {
		x.record(codec.Position{DeviceID: "d", TS: base, Arrival: x.wall, Lat: lat, Attributes: attributes})
		x.wait(time.Second)
	}
	value := func() string { return string(x.core.workers[0].devices["d"].val.buf) }
	at(1, `{"battery":80}`)
	at(1, `{"battery":80,"alarm":"sos"}`)
	at(1, `{"battery":80,"alarm":"sos"}`) // again
	at(1, `{"battery":80}`)               // the first one again
	at(1, "")
	at(2, `{"alarm":"sos","other":1}`) // another place under the same time
	if got := value(); !strings.Contains(got, `"battery":80`) || !strings.Contains(got, `"alarm":"sos"`) || strings.Contains(got, "other") {
		t.Errorf("the last value is %s", got)
	}
	s := x.core.Stats()
	want(t, "added", s.Added, uint64(1))
	want(t, "duplicates", s.Duplicates, uint64(4))
	frames := 0
	for _, f := range x.c.screen.all {
		if f.Type == "position" {
			frames++
		}
	}
	want(t, "frames", frames, 2)
}

// Attributes that are added one by one do not make a position grow without bound.
func TestAddedAttributesAreBounded(t *testing.T) {
	for _, most := range []int{0, 1000} {
		x := newTracked(t, Config{MaxAttributes: most})
		x.record(codec.Position{DeviceID: "d", TS: base, Arrival: x.wall, Lat: 1})
		for i := range 200 {
			attributes := codec.Attributes(fmt.Sprintf(`{"name%d":"%s"}`, i, strings.Repeat("x", 300)))
			x.record(codec.Position{DeviceID: "d", TS: base, Arrival: x.wall, Lat: 1, Attributes: attributes})
		}
		bound := maxAddedBody
		if most > 0 {
			bound = most + bareBody
		}
		if n := len(x.core.workers[0].devices["d"].val.buf); n > bound || n < bound/2 {
			t.Errorf("bound %d: the position has grown to %d bytes", most, n)
		}
	}
}
