package db

import (
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"

	"pitwall/codec"
)

// stored is a row of positions as it is scanned. Other programs may have written it, so
// no value is trusted.
type stored struct {
	ts, received       *int64
	lat, lon           *float64
	alt, speed, course *float64
	sats, priority     *int64
	codec, attributes  *string
	faulty             *bool
}

// storedColumns are the columns of stored that both dialects read alike. The times, in
// ms, and the attributes come before them.
const storedColumns = `p.lat, p.lon, p.alt, p.speed, p.course, p.sats, p.priority, p.codec, p.faulty`

func (r *stored) dest() []any {
	return []any{&r.ts, &r.received, &r.attributes, &r.lat, &r.lon, &r.alt, &r.speed, &r.course, &r.sats, &r.priority, &r.codec, &r.faulty}
}

// maxAhead is how far the time of a row may lie ahead of its arrival, in ms.
var maxAhead = codec.DefaultLimits().MaxAhead.Milliseconds()

// goodRow is the condition of showable in SQL, except for the time, which differs by
// dialect. BETWEEN excludes NaN.
const goodRow = `p.faulty IS NOT TRUE AND p.lat BETWEEN -90 AND 90 AND p.lon BETWEEN -180 AND 180 AND `

// showable reports whether a row may be shown, by the rules of the decoder: it is not
// faulty, and its required values are valid. Every position that is read to be shown
// passes this function or goodRow.
func (r *stored) showable() bool {
	return (r.faulty == nil || !*r.faulty) && r.lat != nil && r.lon != nil && *r.lat >= -90 && *r.lat <= 90 && *r.lon >= -180 && *r.lon <= 180 &&
		(r.received == nil || *r.ts-*r.received <= maxAhead)
}

func (r *stored) rowTime() rowTime { return rowTime{ts: *r.ts, received: r.received} }

// position fills p, without copying strings. Optional values that the decoder would
// refuse are left out.
func (r *stored) position(device string, p *codec.Position) {
	stamp := r.rowTime().stamp()
	*p = codec.Position{DeviceID: device, TS: stamp.TS, Arrival: stamp.Arrival, Lat: *r.lat, Lon: *r.lon}
	setFloat(p, codec.HasAlt, r.alt, &p.Alt)
	setFloat(p, codec.HasSpeed, r.speed, &p.Speed)
	setFloat(p, codec.HasCourse, r.course, &p.Course)
	setInt(p, codec.HasSats, r.sats, &p.Sats)
	setInt(p, codec.HasPriority, r.priority, &p.Priority)
	const maxCodec = 64
	if r.codec != nil && len(*r.codec) <= maxCodec && utf8.ValidString(*r.codec) && !strings.ContainsRune(*r.codec, 0) {
		p.Codec = *r.codec
	}
	if r.attributes != nil {
		p.Attributes = jsonObject(*r.attributes)
	}
}

// jsonObject returns text when it is a valid JSON object, otherwise "". It must be
// valid, because frames contain it unchanged.
func jsonObject(text string) codec.Attributes {
	if !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") || !utf8.ValidString(text) || !json.Valid([]byte(text)) {
		return ""
	}
	return codec.Attributes(text)
}

func setFloat(p *codec.Position, has codec.Fields, from, to *float64) {
	if from != nil && !math.IsNaN(*from) && !math.IsInf(*from, 0) {
		*to = *from
		p.Has |= has
	}
}

func setInt(p *codec.Position, has codec.Fields, from *int64, to *int32) {
	if from != nil && *from >= 0 && *from <= math.MaxInt32 {
		*to = int32(*from)
		p.Has |= has
	}
}
