package codec

// AppendBody appends p as one JSON object:
//
//	{"deviceId":…,"ts":…,"lat":…,"lon":…,"alt":…,"speed":…,"course":…,"sats":…,"attributes":{…}}
//
// Values that p does not have are left out; the order never changes. ts is the time
// to show, in ms since the Unix epoch. It differs from p.TS if the device's clock is
// wrong. Each number is the shortest text that reads back as the same float64. A
// number that is not finite, which no decoder produces, is null. p.Attributes must
// be a JSON object, as the decoder has checked it. AppendBody allocates only to grow
// dst. Safe for concurrent use.
func AppendBody(dst []byte, p *Position, ts int64) []byte {
	dst = appendStringMember(dst, `{"deviceId":`, p.DeviceID)
	dst = appendIntMember(dst, `,"ts":`, ts)
	dst = appendFloatMember(dst, `,"lat":`, p.Lat)
	dst = appendFloatMember(dst, `,"lon":`, p.Lon)
	if p.Has&HasAlt != 0 {
		dst = appendFloatMember(dst, `,"alt":`, p.Alt)
	}
	if p.Has&HasSpeed != 0 {
		dst = appendFloatMember(dst, `,"speed":`, p.Speed)
	}
	if p.Has&HasCourse != 0 {
		dst = appendFloatMember(dst, `,"course":`, p.Course)
	}
	if p.Has&HasSats != 0 {
		dst = appendIntMember(dst, `,"sats":`, int64(p.Sats))
	}
	if p.Attributes != "" {
		dst = append(dst, `,"attributes":`...)
		dst = append(dst, p.Attributes...)
	}
	return append(dst, '}')
}

// The three functions below append a member: name is all that comes before the
// value.

func appendStringMember(dst []byte, name, value string) []byte {
	return AppendJSONString(append(dst, name...), value)
}

func appendIntMember(dst []byte, name string, value int64) []byte {
	return appendInt(append(dst, name...), value)
}

func appendFloatMember(dst []byte, name string, value float64) []byte {
	return appendFloat(append(dst, name...), value)
}
