package codec

import "math"

// member is a member of the payload that is read. The numbers come first.
type member uint8

const (
	memberLatitude member = iota
	memberLongitude
	memberAltitude
	memberSpeed
	memberAngle
	memberSatellites
	memberPriority
	memberTimestamp
	memberAttributes
	memberFaulty
	memberOther
	memberCount

	numbers = memberPriority + 1
)

var memberNames = [memberCount]string{
	"payload.latitude", "payload.longitude", "payload.altitude", "payload.speed", "payload.angle",
	"payload.satellites", "payload.priority", "payload.timestamp", "payload.attributes", "payload.faulty", "payload",
}

// payload decodes shape A into p: one pass over the JSON.
func (d *Decoder) payload(p *Position, r *record) error {
	p.Codec = r.text(fieldCodec)
	if !codecTag(p.Codec) {
		return d.fail(ReasonText, "codec", 0)
	}
	s := r.text(fieldPayload)
	var v values
	m, end, why := v.read(s)
	if why != 0 {
		return d.fail(why, memberNames[m], end)
	}
	p.TS, p.Attributes, p.Faulty = v.ts, v.attributes, v.faulty
	if !v.timed {
		if err := d.fieldTime(p, r); err != nil {
			return err
		}
	}
	for _, m := range [...]member{memberLatitude, memberLongitude} {
		if v.has&(1<<m) == 0 {
			return d.fail(ReasonMissing, memberNames[m], 0)
		}
	}
	p.Lat, p.Lon = v.number[memberLatitude], v.number[memberLongitude]
	if v.has>>memberAltitude != 0 {
		if m, why := v.optional(p); why != 0 {
			return d.fail(why, memberNames[m], v.offset[m])
		}
	}
	return d.place(p, memberNames[memberLatitude], memberNames[memberLongitude])
}

// values are what a payload holds.
type values struct {
	number     [numbers]float64
	offset     [numbers]int // where each number begins
	has        uint16       // bits of the members that are numbers
	timed      bool         // ts is there
	faulty     bool
	ts         int64
	attributes Attributes
}

// optional moves the optional numbers into p.
func (v *values) optional(p *Position) (m member, why Reason) {
	p.Alt, p.Speed, p.Course = v.number[memberAltitude], v.number[memberSpeed], v.number[memberAngle]
	p.Has = Fields(v.has >> memberAltitude) // the two have the same order
	if p.Sats, why = natural(v.number[memberSatellites]); why != 0 {
		return memberSatellites, why
	}
	if p.Priority, why = natural(v.number[memberPriority]); why != 0 {
		return memberPriority, why
	}
	return 0, 0
}

// natural returns f as an int32 that is not negative.
func natural(f float64) (int32, Reason) {
	if !(f >= 0 && f <= math.MaxInt32) {
		return 0, ReasonRange
	}
	n := int32(f)
	if float64(n) != f {
		return 0, ReasonNumber
	}
	return n, 0
}

// read reads the payload s. A fault is told with the member and the byte.
func (v *values) read(s string) (m member, end int, why Reason) {
	i := space(s, 0)
	if at(s, i) != '{' {
		return memberOther, i, ReasonJSON
	}
	i = space(s, i+1)
	if at(s, i) == '}' {
		return memberOther, i, v.finish(s, i+1)
	}
	for {
		if m, i, why = payloadMember(s, i); why != 0 {
			return memberOther, i, why
		}
		if m < numbers {
			i, why = v.readNumber(s, i, m)
		} else {
			i, why = v.readOther(s, i, m)
		}
		if why != 0 {
			return m, i, why
		}
		// The usual comma, without white space behind it.
		if i+1 < len(s) && s[i] == ',' && s[i+1] == '"' {
			i++
			continue
		}
		var closed bool
		if i, closed, why = separator(s, i, '}'); why != 0 {
			return memberOther, i, why
		}
		if closed {
			return memberOther, i, v.finish(s, i)
		}
	}
}

// finish checks that nothing but white space stands behind the object.
func (v *values) finish(s string, i int) Reason {
	if i != len(s) && space(s, i) != len(s) {
		return ReasonJSON
	}
	return 0
}

// readNumber reads a member that is a number, or null when it is absent.
func (v *values) readNumber(s string, i int, m member) (int, Reason) {
	f, end, why := number(s, i)
	if why == 0 {
		v.number[m], v.offset[m] = f, i
		v.has |= 1 << m
		return end, 0
	}
	if null(s, i) {
		v.number[m] = 0
		v.has &^= 1 << m
		return i + len("null"), 0
	}
	return end, wrongType(s, i, why)
}

// wrongType makes why a ReasonType if there is a JSON value at i, but none of
// those that can stand there.
func wrongType(s string, i int, why Reason) Reason {
	switch at(s, i) {
	case '"', '{', '[', 't', 'f', 'n':
		return ReasonType
	}
	return why
}

// readOther reads a member that is no number.
func (v *values) readOther(s string, i int, m member) (int, Reason) {
	switch m {
	case memberTimestamp:
		return v.readTime(s, i)
	case memberAttributes:
		if null(s, i) {
			v.attributes = ""
			return i + len("null"), 0
		}
		end, why := attributes(s, i)
		if why == 0 {
			v.attributes = Attributes(s[i:end])
		}
		return end, why
	case memberFaulty:
		return v.readFaulty(s, i)
	}
	return skip(s, i, 1)
}

func (v *values) readFaulty(s string, i int) (int, Reason) {
	switch {
	case hasAt(s, i, "false"):
		v.faulty = false
		return i + len("false"), 0
	case hasAt(s, i, "true"):
		v.faulty = true
		return i + len("true"), 0
	case null(s, i):
		v.faulty = false
		return i + len("null"), 0
	}
	return i, ReasonType
}

// readTime reads the timestamp: a string, a number, or null when it is absent.
func (v *values) readTime(s string, i int) (int, Reason) {
	if at(s, i) != '"' {
		if null(s, i) {
			v.timed = false
			return i + len("null"), 0
		}
		f, end, why := number(s, i)
		if why != 0 {
			return end, wrongType(s, i, why)
		}
		v.ts, v.timed = epochMs(f), true
		return end, 0
	}
	end, why := quoted(s, i+1)
	if why != 0 {
		return end, why
	}
	var ok bool
	if v.ts, ok = timestampText(s[i+1 : end]); !ok {
		return i, ReasonTimestamp
	}
	v.timed = true
	return end + 1, 0
}
