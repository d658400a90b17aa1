package db

import (
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"

	"pitwall/codec"
)

// stored is a row of positions as it is scanned. Anybody may have written it.
type stored struct {
	ts, received       *int64
	lat, lon           *float64
	alt, speed, course *float64
	sats, priority     *int64
	codec, attributes  *string
	faulty             *bool
}

// storedColumns are those of stored that both dialects read alike. The times
// come before them, in ms.
const storedColumns = `p.lat, p.lon, p.alt, p.speed, p.course, p.sats, p.priority, p.codec, p.faulty`

func (r *stored) dest() []any {
	return []any{&r.ts, &r.received, &r.attributes, &r.lat, &r.lon, &r.alt, &r.speed, &r.course, &r.sats, &r.priority, &r.codec, &r.faulty}
}

// maxAhead is how far the time of a row may lie ahead of its arrival, in ms.
var maxAhead = codec.DefaultLimits().MaxAhead.Milliseconds()

// goodRow is what shows says, in SQL, but for the time, which differs by dialect.
// Nothing compares to NaN.
const goodRow = `p.faulty IS NOT TRUE AND p.lat BETWEEN -90 AND 90 AND p.lon BETWEEN -180 AND 180 AND `

// shows says whether a row may be on a screen, by the rules of a decoder: it is
// not faulty, and its required values are such as are taken. All that is read
// of positions to be shown goes through here, or through goodRow.
func (r *stored) shows() bool {
	return (r.faulty == nil || !*r.faulty) && r.lat != nil && r.lon != nil && *r.lat >= -90 && *r.lat <= 90 && *r.lon >= -180 && *r.lon <= 180 &&
		(r.received == nil || *r.ts-*r.received <= maxAhead)
}

func (r *stored) mark() mark { return mark{ts: *r.ts, received: r.received} }

// position fills p, whose strings are those that the driver made. Optional
// values that no decoder takes are left out.
func (r *stored) position(device string, p *codec.Position) {
	stamp := r.mark().stamp()
	*p = codec.Position{DeviceID: device, TS: stamp.TS, Arrival: stamp.Arrival, Lat: *r.lat, Lon: *r.lon}
	take(p, codec.HasAlt, r.alt, &p.Alt)
	take(p, codec.HasSpeed, r.speed, &p.Speed)
	take(p, codec.HasCourse, r.course, &p.Course)
	takeInt(p, codec.HasSats, r.sats, &p.Sats)
	takeInt(p, codec.HasPriority, r.priority, &p.Priority)
	const longestTag = 64
	if r.codec != nil && len(*r.codec) <= longestTag && utf8.ValidString(*r.codec) && !strings.ContainsRune(*r.codec, 0) {
		p.Codec = *r.codec
	}
	if r.attributes != nil {
		p.Attributes = anObject(*r.attributes)
	}
}

// anObject returns text when it is a JSON object, "" otherwise: it goes into
// frames as it is.
func anObject(text string) codec.Attributes {
	if !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") || !utf8.ValidString(text) || !json.Valid([]byte(text)) {
		return ""
	}
	return codec.Attributes(text)
}

func take(p *codec.Position, has codec.Fields, from, to *float64) {
	if from != nil && !math.IsNaN(*from) && !math.IsInf(*from, 0) {
		*to = *from
		p.Has |= has
	}
}

func takeInt(p *codec.Position, has codec.Fields, from *int64, to *int32) {
	if from != nil && *from >= 0 && *from <= math.MaxInt32 {
		*to = int32(*from)
		p.Has |= has
	}
}
