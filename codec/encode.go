package codec

// AppendBody appends p as one JSON object:
//
//	{"deviceId":…,"ts":…,"lat":…,"lon":…,"alt":…,"speed":…,"course":…,"sats":…,"attributes":{…}}
//
// Values that p does not have are left out, the order never changes. ts is the
// time to show, in ms since the Unix epoch; it differs from p.TS where the
// device's clock runs ahead. Each number is the shortest text that reads back
// as the same float64; one that is not finite, which no decoder produces, is
// null. p.Attributes must be a JSON object, as the decoder has checked it.
// It allocates only to grow dst. Safe for concurrent use.
func AppendBody(dst []byte, p *Position, ts int64) []byte {
	dst = append(dst, `{"deviceId":`...)
	dst = AppendJSONString(dst, p.DeviceID)
	dst = append(dst, `,"ts":`...)
	dst = appendInt(dst, ts)
	dst = append(dst, `,"lat":`...)
	dst = appendFloat(dst, p.Lat)
	dst = append(dst, `,"lon":`...)
	dst = appendFloat(dst, p.Lon)
	if p.Has&HasAlt != 0 {
		dst = append(dst, `,"alt":`...)
		dst = appendFloat(dst, p.Alt)
	}
	if p.Has&HasSpeed != 0 {
		dst = append(dst, `,"speed":`...)
		dst = appendFloat(dst, p.Speed)
	}
	if p.Has&HasCourse != 0 {
		dst = append(dst, `,"course":`...)
		dst = appendFloat(dst, p.Course)
	}
	if p.Has&HasSats != 0 {
		dst = append(dst, `,"sats":`...)
		dst = appendInt(dst, int64(p.Sats))
	}
	if p.Attributes != "" {
		dst = append(dst, `,"attributes":`...)
		dst = append(dst, p.Attributes...)
	}
	return append(dst, '}')
}
