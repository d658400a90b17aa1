package embedded

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// stamp is RFC 3339 with milliseconds, the format of ingestion services.
const stamp = "2006-01-02T15:04:05.000Z"

// record returns the fields of a fix, alternating name and value, in the shape that
// the device's ingestion service uses.
func (d *device) record(f fix) []string {
	if d.flat {
		return d.flatRecord(f)
	}
	ts := time.UnixMilli(f.ts).UTC().Format(stamp)
	return []string{"device_id", d.id, "ts", ts, "codec", "8E", "payload", d.payload(f, ts)}
}

// flatRecord returns shape B, which can be typed into redis-cli.
func (d *device) flatRecord(f fix) []string {
	r := []string{
		"device_id", d.id,
		"ts", strconv.FormatInt(f.ts, 10),
		"lat", formatDecimal(f.at.lat, 7),
		"lon", formatDecimal(f.at.lon, 7),
		"alt", formatDecimal(f.at.alt, 1),
		"course", formatDecimal(f.heading, 1),
		"speed", formatDecimal(f.speed, 1),
		"sats", strconv.Itoa(f.sats),
		"attributes", d.attributes(f),
	}
	if f.faulty {
		r = append(r, "faulty", "true")
	}
	return r
}

// payload returns the JSON of shape A.
func (d *device) payload(f fix, ts string) string {
	priority := 0
	if f.battery <= 5 {
		priority = 1
	}
	return fmt.Sprintf(`{"device_id":"%s","timestamp":"%s","latitude":%.7f,"longitude":%.7f,"altitude":%.1f,"angle":%.1f,"speed":%.1f,`+
		`"satellites":%d,"priority":%d,"attributes":%s,"faulty":%t}`,
		d.id, ts, f.at.lat, f.at.lon, f.at.alt, f.heading, f.speed, f.sats, priority, d.attributes(f), f.faulty)
}

// attributes returns the attributes as a JSON object: numbers and booleans for every
// device, the two tagged forms for some.
func (d *device) attributes(f fix) string {
	tagged := ""
	if d.number%25 == 3 {
		tagged += fmt.Sprintf(`,"tag":{"__bigint":"%d"}`, 1<<63+uint64(d.number))
	}
	if d.number%40 == 5 {
		tagged += `,"raw":{"__buffer_b64":"q83vASM="}`
	}
	return fmt.Sprintf(`{"battery":%d,"odometer":%.2f,"moving":%t%s}`, f.battery, f.odometer, f.speed > 0, tagged)
}

func formatDecimal(v float64, decimals int) string { return strconv.FormatFloat(v, 'f', decimals, 64) }

// broken returns a record that no decoder accepts, like one of a faulty device or
// script.
func (d *device) broken(f fix, r *rand.Rand) []string {
	switch r.IntN(5) {
	case 0: // JSON cut short
		whole := d.payload(f, time.UnixMilli(f.ts).UTC().Format(stamp))
		return []string{"device_id", d.id, "codec", "8E", "payload", whole[:len(whole)/2]}
	case 1: // latitude out of range
		f.at.lat = 91
		return d.flatRecord(f)
	case 2: // one coordinate only
		return []string{"device_id", d.id, "lat", formatDecimal(f.at.lat, 7)}
	case 3: // without a device
		return []string{"lat", formatDecimal(f.at.lat, 7), "lon", formatDecimal(f.at.lon, 7)}
	default: // an invalid date
		return []string{"device_id", d.id, "ts", "yesterday", "lat", formatDecimal(f.at.lat, 7), "lon", formatDecimal(f.at.lon, 7)}
	}
}
