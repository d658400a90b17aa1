package embedded

import (
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
	return []string{"device_id", d.id, "ts", ts, "codec", "8E", "payload", string(d.appendPayload(nil, f, ts))}
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
		"attributes", string(d.appendAttributes(nil, f)),
	}
	if f.faulty {
		r = append(r, "faulty", "true")
	}
	return r
}

// appendPayload appends the JSON of shape A.
func (d *device) appendPayload(b []byte, f fix, ts string) []byte {
	b = append(b, `{"device_id":"`...)
	b = append(b, d.id...)
	b = append(b, `","timestamp":"`...)
	b = append(b, ts...)
	b = append(b, `","latitude":`...)
	b = strconv.AppendFloat(b, f.at.lat, 'f', 7, 64)
	b = append(b, `,"longitude":`...)
	b = strconv.AppendFloat(b, f.at.lon, 'f', 7, 64)
	b = append(b, `,"altitude":`...)
	b = strconv.AppendFloat(b, f.at.alt, 'f', 1, 64)
	b = append(b, `,"angle":`...)
	b = strconv.AppendFloat(b, f.heading, 'f', 1, 64)
	b = append(b, `,"speed":`...)
	b = strconv.AppendFloat(b, f.speed, 'f', 1, 64)
	b = append(b, `,"satellites":`...)
	b = strconv.AppendInt(b, int64(f.sats), 10)
	b = append(b, `,"priority":`...)
	if f.battery <= 5 {
		b = append(b, '1')
	} else {
		b = append(b, '0')
	}
	b = append(b, `,"attributes":`...)
	b = d.appendAttributes(b, f)
	b = append(b, `,"faulty":`...)
	b = strconv.AppendBool(b, f.faulty)
	return append(b, '}')
}

// appendAttributes appends the attributes as a JSON object: numbers and booleans
// for every device, the two tagged forms for some.
func (d *device) appendAttributes(b []byte, f fix) []byte {
	b = append(b, `{"battery":`...)
	b = strconv.AppendInt(b, int64(f.battery), 10)
	b = append(b, `,"odometer":`...)
	b = strconv.AppendFloat(b, f.odometer, 'f', 2, 64)
	b = append(b, `,"moving":`...)
	b = strconv.AppendBool(b, f.speed > 0)
	if d.number%25 == 3 {
		b = append(b, `,"tag":{"__bigint":"`...)
		b = strconv.AppendUint(b, 1<<63+uint64(d.number), 10)
		b = append(b, `"}`...)
	}
	if d.number%40 == 5 {
		b = append(b, `,"raw":{"__buffer_b64":"q83vASM="}`...)
	}
	return append(b, '}')
}

func formatDecimal(v float64, decimals int) string { return strconv.FormatFloat(v, 'f', decimals, 64) }

// broken returns a record that no decoder accepts, as it comes from a faulty device
// or script.
func (d *device) broken(f fix, r *rand.Rand) []string {
	switch r.IntN(5) {
	case 0: // JSON cut short
		good := d.appendPayload(nil, f, time.UnixMilli(f.ts).UTC().Format(stamp))
		return []string{"device_id", d.id, "codec", "8E", "payload", string(good[:len(good)/2])}
	case 1: // off the globe
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
