package codec

import (
	"math"
	"testing"
)

func TestPlace(t *testing.T) {
	body := AppendBody(nil, &Position{DeviceID: `a"lat":1,`, Lat: -47.5, Lon: 8.25, Attributes: `{"lat":3}`}, 1)
	if lat, lon := Place(body); lat != -47.5 || lon != 8.25 {
		t.Errorf("%s: %v, %v", body, lat, lon)
	}
	if n := testing.AllocsPerRun(100, func() { Place(body) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if lat, lon := Place([]byte(`{}`)); !math.IsNaN(lat) || !math.IsNaN(lon) {
		t.Errorf("nothing: %v, %v", lat, lon)
	}
}
