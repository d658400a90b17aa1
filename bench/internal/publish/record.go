package publish

import (
	"math"
	"strconv"
	"time"
)

// stamp is RFC 3339 with milliseconds, the format of ingestion services.
const stamp = "2006-01-02T15:04:05.000Z"

// flatEvery: every tenth device sends flat fields (shape B).
const flatEvery = 10

// device is a tracker that moves in a circle.
type device struct {
	name  string
	angle float64
	lat   float64
	lon   float64
	n     uint32
}

func newDevice(prefix string, i int) device {
	return device{
		name: Name(prefix, i), angle: float64(i),
		lat: 46 + float64(i%100)/100, lon: 7 + float64(i/100%100)/100,
	}
}

// Name is the id of device i: a prefix, then the number.
func Name(prefix string, i int) string { return prefix + strconv.Itoa(i) }

// record returns the fields of the next record, which is due at that time.
func (d *device) record(i int, base int64, due time.Time) []string {
	d.n++
	d.angle += 0.02
	lat, lon := d.lat+0.01*math.Sin(d.angle), d.lon+0.01*math.Cos(d.angle)
	course, speed := math.Mod(d.angle*57.3, 360), 40+20*math.Sin(d.angle*3)
	if i%flatEvery == flatEvery-1 {
		return []string{"device_id", d.name, "ts", strconv.FormatInt(due.UnixMilli(), 10),
			"lat", fixed(lat, 7), "lon", fixed(lon, 7), "alt", "812.5", "course", fixed(course, 1),
			"speed", fixed(speed, 1), "sats", "12", "attributes", string(d.attributes(nil, base, due))}
	}
	ts := due.UTC().Format(stamp)
	b := make([]byte, 0, 384)
	b = append(b, `{"device_id":"`...)
	b = append(b, d.name...)
	b = append(b, `","timestamp":"`...)
	b = append(b, ts...)
	b = append(b, `","latitude":`...)
	b = strconv.AppendFloat(b, lat, 'f', 7, 64)
	b = append(b, `,"longitude":`...)
	b = strconv.AppendFloat(b, lon, 'f', 7, 64)
	b = append(b, `,"altitude":812.5,"angle":`...)
	b = strconv.AppendFloat(b, course, 'f', 1, 64)
	b = append(b, `,"speed":`...)
	b = strconv.AppendFloat(b, speed, 'f', 1, 64)
	b = append(b, `,"satellites":12,"priority":0,"attributes":`...)
	b = d.attributes(b, base, due)
	b = append(b, '}')
	return []string{"device_id", d.name, "ts", ts, "codec", "8E", "payload", string(b)}
}

// attributes appends attributes that end with what spectators check.
func (d *device) attributes(b []byte, base int64, due time.Time) []byte {
	b = append(b, `{"battery":87,"moving":true,"n":`...)
	b = strconv.AppendInt(b, base+int64(d.n), 10)
	b = append(b, `,"at":`...)
	b = strconv.AppendInt(b, due.UnixMicro(), 10)
	return append(b, '}')
}

func fixed(v float64, decimals int) string { return strconv.FormatFloat(v, 'f', decimals, 64) }
