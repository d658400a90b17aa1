package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// This file is a second decoder, written for simplicity and not for speed, with
// encoding/json, strconv and time. Tests and fuzz targets compare the two: both must
// accept the same records, refuse the same records, and decode the same values.

// oracle decodes one record; ok is false if the record is refused. left has one bit for
// each optional value that is left out.
func oracle(l Limits, arrival int64, seq uint64, fields []string) (p Position, left uint16, ok bool) {
	if len(fields)%2 != 0 {
		return p, 0, false
	}
	m := map[string]string{}
	for i := 0; i < len(fields); i += 2 {
		m[fields[i]] = fields[i+1]
	}
	tooLong := func(name string) bool { return len(m[name]) > l.MaxPayload }
	p = Position{DeviceID: m["device_id"], Arrival: arrival, Seq: seq, TS: oracleEntry(arrival, seq), Untimed: true}
	if !deviceForm.MatchString(p.DeviceID) || strings.HasSuffix(p.DeviceID, "\n") {
		return p, 0, false
	}
	payload, hasPayload := m["payload"]
	lat, lon := false, false
	if hasPayload {
		p.Codec = m["codec"]
		if len(p.Codec) > 64 || !utf8.ValidString(p.Codec) || strings.Contains(p.Codec, "\x00") {
			p.Codec, left = "", 1<<OptionalCodec
		}
		ok = !tooLong("payload")
		lat, lon, ok = oraclePayload(&p, &left, payload, ok)
	} else {
		lat, lon, ok = oracleFlat(&p, &left, m, tooLong)
	}
	if !ok || !lat || !lon {
		return p, 0, false
	}
	if ts := m["ts"]; ts != "" && p.Untimed {
		if p.TS, ok = oracleTime(ts); !ok || tooLong("ts") {
			return p, 0, false
		}
		p.Untimed = false
	}
	if l.EarlyIsAbsent && p.TS < l.MinTS {
		p.TS, p.Untimed = oracleEntry(arrival, seq), true
	}
	if l.RejectNullIsland && p.Lat == 0 && p.Lon == 0 && p.Sats == 0 {
		p.Faulty = true
	}
	return p, left, math.Abs(p.Lat) <= 90 && math.Abs(p.Lon) <= 180 && p.TS >= l.MinTS && p.TS <= arrival+l.MaxAhead.Milliseconds()
}

// oracleEntry does the work of EntryTime.
func oracleEntry(arrival int64, seq uint64) int64 {
	t := new(big.Int).SetUint64(seq)
	if t.Add(t, big.NewInt(arrival)); !t.IsInt64() {
		return math.MaxInt64
	}
	return t.Int64()
}

var deviceForm = regexp.MustCompile(`^[ -~]{1,64}$`)

// oraclePayload decodes the members of a payload in their order.
func oraclePayload(p *Position, left *uint16, payload string, short bool) (lat, lon, ok bool) {
	if !short || !json.Valid([]byte(payload)) || oracleDepth(payload) > 32 {
		return
	}
	d := json.NewDecoder(strings.NewReader(payload))
	if t, _ := d.Token(); t != json.Delim('{') {
		return
	}
	number := map[string]any{}
	entry := p.TS
	for d.More() {
		key, _ := d.Token()
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return
		}
		var v any
		if json.Unmarshal(raw, &v) != nil {
			v = raw // a number beyond float64
		}
		switch name := key.(string); name {
		case "latitude", "longitude", "altitude", "speed", "angle", "satellites", "priority":
			if number[name] = v; v == nil {
				delete(number, name)
			} else if _, good := oracleValue(v); !good && strings.HasSuffix(name, "itude") && name != "altitude" {
				return // the last one counts, but each must be valid
			}
		case "timestamp":
			p.TS, p.Untimed = entry, v == nil || v == ""
			switch v := v.(type) {
			case nil:
			case float64:
				p.TS = oracleEpoch(v)
			case string:
				good := v == ""
				if !good {
					p.TS, good = oracleTime(v)
				}
				if !good {
					return
				}
			default:
				return
			}
		case "faulty":
			oracleFaulty(p, left, v)
		case "attributes":
			oracleAttributesInto(p, left, raw)
		}
	}
	lat, lon = oracleNumbersInto(p, left, number)
	return lat, lon, true
}

// oracleValue reads a number, or a string that holds one.
func oracleValue(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		return oracleNumber(v)
	}
	return 0, false
}

// oracleNumbersInto sets the numbers of p, which are given by their names in a payload.
func oracleNumbersInto(p *Position, left *uint16, number map[string]any) (lat, lon bool) {
	for name, v := range number {
		f, good := oracleValue(v)
		optional := map[string]Optional{
			"altitude": OptionalAlt, "speed": OptionalSpeed, "angle": OptionalCourse, "satellites": OptionalSats, "priority": OptionalPriority,
		}[name]
		if name == "satellites" || name == "priority" {
			good = good && f == math.Trunc(f) && f >= 0 && f <= math.MaxInt32
		}
		switch {
		case name == "latitude":
			p.Lat, lat = f, good
		case name == "longitude":
			p.Lon, lon = f, good
		case !good:
			*left |= 1 << optional
			continue
		case name == "altitude":
			p.Alt = f
		case name == "speed":
			p.Speed = f
		case name == "angle":
			p.Course = f
		case name == "satellites":
			p.Sats = int32(f)
		case name == "priority":
			p.Priority = int32(f)
		}
		if strings.HasSuffix(name, "itude") && name != "altitude" {
			continue
		}
		p.Has |= 1 << optional
	}
	return lat, lon
}

// oracleFaulty reads the usual spellings of a boolean. Anything else is faulty.
func oracleFaulty(p *Position, left *uint16, v any) {
	*left &^= 1 << OptionalFaulty
	text := fmt.Sprint(v)
	if f, isNumber := v.(float64); isNumber && f == 0 {
		text = "0" // also of -0
	}
	if v == nil || text == "" {
		text = "0"
	}
	faulty, err := strconv.ParseBool(strings.ToLower(text))
	if p.Faulty = faulty || err != nil || len(text) == 1 && text != "0"; err != nil || len(text) == 1 && text != "0" && text != "1" {
		*left |= 1 << OptionalFaulty
	}
}

func oracleFlat(p *Position, left *uint16, m map[string]string, tooLong func(string) bool) (lat, lon, ok bool) {
	number := map[string]any{}
	for field, name := range map[string]string{
		"lat": "latitude", "lon": "longitude", "alt": "altitude", "speed": "speed", "course": "angle", "sats": "satellites",
	} {
		if text, given := m[field]; given {
			if number[name] = text; tooLong(field) {
				number[name] = false
			}
		}
	}
	if text, given := m["faulty"]; given {
		oracleFaulty(p, left, text)
	}
	if text, given := m["attributes"]; given {
		if json.Valid([]byte(text)) && oracleDepth(text) <= 32 && !tooLong("attributes") {
			oracleAttributesInto(p, left, []byte(strings.Trim(text, " \t\r\n")))
		} else {
			*left |= 1 << OptionalAttributes
		}
	}
	lat, lon = oracleNumbersInto(p, left, number)
	return lat, lon, true
}

var numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

func oracleNumber(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && numberForm.MatchString(text) && !strings.HasSuffix(text, "\n")
}

var timeForm = regexp.MustCompile(`^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})([.,][0-9]+)?([Zz]|[-+][0-9]{2}(:?[0-9]{2})?)$`)

// oracleTime reads RFC 3339 or epoch ms.
func oracleTime(text string) (int64, bool) {
	m := timeForm.FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "\n") {
		f, ok := oracleNumber(text)
		return oracleEpoch(f), ok
	}
	n := [6]int{}
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	leap := n[5] == 60
	if leap {
		n[5] = 59
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	if t.Format("2006-01-02 15:04") != text[:10]+" "+text[11:16] || n[5] > 59 {
		return 0, false // there is no such date or time
	}
	ms := t.UnixMilli()
	if leap {
		ms += 999
	} else if m[7] != "" {
		cut, _ := strconv.Atoi((m[7][1:] + "00")[:3])
		ms += int64(cut)
	}
	if zone := m[8]; len(zone) > 1 {
		hours, _ := strconv.Atoi(zone[1:3])
		minutes, _ := strconv.Atoi(strings.TrimPrefix(zone[3:], ":"))
		if hours > 23 || minutes > 59 {
			return 0, false
		}
		offset := int64(hours*60+minutes) * 60_000
		if zone[0] == '-' {
			offset = -offset
		}
		ms -= offset
	}
	return ms, true
}

func oracleEpoch(f float64) int64 {
	if math.Abs(f) >= 1<<53 { // out of every range
		return int64(math.Copysign(1<<62, f))
	}
	return int64(math.Floor(f))
}
