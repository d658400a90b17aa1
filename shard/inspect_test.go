package shard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
)

// Inspect tells why a device shows or does not.
func TestInspect(t *testing.T) {
	core, ctx := running(t, Config{Shards: 3, Writers: 1, DeviceRate: 1, FutureTolerance: 5 * time.Second},
		Pair{"right", "race"}, Pair{"right", "tour"}, Pair{"ahead", "race"}, Pair{"busy", "race"}, Pair{"wrong", "race"}, Pair{"silent", "race"})
	arrival := time.Now().UnixMilli()
	send := func(p codec.Position) {
		t.Helper()
		b := core.AcquireBatch()
		b.Positions = append(b.Positions, p)
		if err := core.Deliver(ctx, core.ShardOf(p.DeviceID), b); err != nil {
			t.Fatal(err)
		}
	}
	send(codec.Position{DeviceID: "right", TS: arrival - 10, Arrival: arrival, Lat: 47.5, Lon: 8.25})
	send(codec.Position{DeviceID: "ahead", TS: arrival + hour, Arrival: arrival})
	send(codec.Position{DeviceID: "nowhere", Untimed: true, TS: arrival, Arrival: arrival})
	for i := range int64(4) {
		send(codec.Position{DeviceID: "busy", TS: arrival + i, Arrival: arrival + i, Lat: float64(i)})
	}
	send(codec.Position{DeviceID: "wrong", TS: arrival, Arrival: arrival})
	if err := core.Correct(ctx, []Correction{{Device: "wrong", Faulty: []Stamp{{arrival, arrival}}}}); err != nil {
		t.Fatal(err)
	}
	if err := core.RestoreClocks(ctx, []Clock{{Device: "fallen", Since: arrival, Offset: -hour}}); err != nil {
		t.Fatal(err)
	}
	look := func(id string) string {
		t.Helper()
		s, err := core.Inspect(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("known=%t events=%d orphan=%t shown=%t live=%d ts=%d adjusted=%t clock=%q offset=%d held=%t limited=%t banned=%d %s",
			s.Known, len(s.Events), s.Orphan, s.Shown, since(s.Live, arrival), since(s.TS, arrival), s.Adjusted, s.Clock, s.Offset, s.Held, s.Limited, s.Banned, s.Body)
	}
	for id, wanted := range map[string]string{
		"right":   `known=true events=2 orphan=false shown=true live=-10 ts=-10 adjusted=false clock="right" offset=0 held=false limited=false banned=0 {"deviceId":"right"`,
		"ahead":   `known=true events=1 orphan=false shown=true live=0 ts=3600000 adjusted=true clock="ahead"`,
		"nowhere": `known=true events=0 orphan=true shown=true live=0 ts=0 adjusted=true clock="no time"`,
		"busy":    `known=true events=1 orphan=false shown=true live=3 ts=3 adjusted=false clock="right" offset=0 held=true limited=true banned=0 {"deviceId":"busy"`,
		"wrong":   `known=true events=1 orphan=false shown=false live=0 ts=0 adjusted=false clock="" offset=0 held=false limited=false banned=1`,
		"fallen":  `known=true events=0 orphan=true shown=false live=0 ts=0 adjusted=false clock="" offset=-3600000`,
		"silent":  `known=false events=1 orphan=false shown=false`,
		"unknown": `known=false events=0 orphan=false shown=false`,
	} {
		if got := look(id); !strings.HasPrefix(got, wanted) {
			t.Errorf("%s:\n%s, want\n%s", id, got, wanted)
		}
	}
	if s, _ := core.Inspect(ctx, "busy"); !strings.Contains(string(s.Body), `"lat":3`) {
		t.Errorf("the newest position is not the one that is held back: %s", s.Body)
	}
	if _, err := core.Inspect(endedContext, "right"); err == nil {
		t.Error("no error although the context has ended")
	}
}

// since returns a time relative to another one; 0 where there is none.
func since(at, origin int64) int64 {
	if at == 0 {
		return 0
	}
	return at - origin
}

// Events with spectators are listed, those with most first.
func TestAudiences(t *testing.T) {
	core, _ := running(t, Config{Shards: 1, Writers: 1}, Pair{"a", "big"}, Pair{"b", "big"}, Pair{"a", "x"}, Pair{"a", "y"}, Pair{"a", "nobody"})
	for _, event := range []string{"y", "big", "x", "big"} {
		if _, ok := core.Watch(event); !ok {
			t.Fatal(event)
		}
	}
	want(t, "audiences", core.Audiences(), []Audience{{"big", 2, 2}, {"x", 1, 1}, {"y", 1, 1}})
}
