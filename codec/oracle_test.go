package codec

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// This file is the codec once more, plainly, on encoding/json, strconv and
// time: what contract 1 says, without a thought on speed. The fuzz targets
// compare the two in both directions: nothing else is accepted, nothing else
// refused, and the values are the same.

// oracle decodes one record; ok is false when the contract refuses it.
func oracle(l Limits, arrival int64, seq uint64, fields []string) (p Position, ok bool) {
	if len(fields)%2 != 0 {
		return p, false
	}
	m := map[string]string{}
	for i := 0; i < len(fields); i += 2 {
		if fieldOf(fields[i]) != fieldOther && len(fields[i+1]) > l.MaxPayload {
			return p, false
		}
		m[fields[i]] = fields[i+1]
	}
	p = Position{DeviceID: m["device_id"], Arrival: arrival, TS: oracleEntry(arrival, seq), Untimed: true}
	if !deviceForm.MatchString(p.DeviceID) || strings.HasSuffix(p.DeviceID, "\n") {
		return p, false
	}
	payload, shapeA := m["payload"]
	lat, lon, timed := false, false, false
	if shapeA {
		p.Codec = m["codec"]
		if len(p.Codec) > 64 || !utf8.ValidString(p.Codec) || strings.Contains(p.Codec, "\x00") {
			return p, false
		}
		lat, lon, timed, ok = oraclePayload(&p, payload)
	} else {
		lat, lon, ok = oracleFlat(&p, m)
	}
	if !ok || !lat || !lon {
		return p, false
	}
	if ts := m["ts"]; ts != "" && !timed {
		if p.TS, ok = oracleTime(ts); !ok {
			return p, false
		}
		p.Untimed = false
	}
	if timed {
		p.Untimed = false
	}
	if l.EarlyIsAbsent && p.TS < l.MinTS {
		p.TS, p.Untimed = oracleEntry(arrival, seq), true
	}
	if l.RejectNullIsland && p.Lat == 0 && p.Lon == 0 && p.Sats == 0 {
		p.Faulty = true
	}
	return p, math.Abs(p.Lat) <= 90 && math.Abs(p.Lon) <= 180 && p.TS >= l.MinTS && p.TS <= arrival+l.MaxAhead.Milliseconds()
}

// oracleEntry is the time of an entry's id.
func oracleEntry(arrival int64, seq uint64) int64 {
	t := new(big.Int).SetUint64(seq)
	if t.Add(t, big.NewInt(arrival)); !t.IsInt64() {
		return math.MaxInt64
	}
	return t.Int64()
}

var deviceForm = regexp.MustCompile(`^[ -~]{1,64}$`)

// oraclePayload goes over the members of the payload in their order.
func oraclePayload(p *Position, payload string) (lat, lon, timed, ok bool) {
	if !json.Valid([]byte(payload)) || !oracleText(payload) || oracleDepth(payload) > 32 {
		return
	}
	d := json.NewDecoder(strings.NewReader(payload))
	if t, _ := d.Token(); t != json.Delim('{') {
		return
	}
	number := map[string]*float64{}
	entry := p.TS
	for d.More() {
		key, _ := d.Token()
		var raw json.RawMessage
		if d.Decode(&raw) != nil || !oracleNumbers(raw) {
			return
		}
		var v any
		if json.Unmarshal(raw, &v) != nil {
			return
		}
		switch name := key.(string); name {
		case "latitude", "longitude", "altitude", "speed", "angle", "satellites", "priority":
			f, isNumber := v.(float64)
			if number[name] = &f; v == nil {
				number[name] = nil
			} else if !isNumber {
				return
			}
		case "timestamp":
			timed = v != nil && v != ""
			switch v := v.(type) {
			case nil:
				p.TS = entry
			case float64:
				p.TS = oracleEpoch(v)
			case string:
				var good bool
				if p.TS, good = oracleTime(v); v == "" {
					p.TS = entry
				} else if !good {
					return
				}
			default:
				return
			}
		case "faulty":
			faulty, isBool := v.(bool)
			if p.Faulty = faulty; v != nil && !isBool {
				return
			}
		case "attributes":
			if p.Attributes = Attributes(raw); v == nil {
				p.Attributes = ""
			} else if !oracleAttributes(raw) {
				return
			}
		}
	}
	lat, lon, ok = oracleNumbersInto(p, number)
	return lat, lon, timed, ok
}

// oracleNumbersInto puts the numbers into p.
func oracleNumbersInto(p *Position, number map[string]*float64) (lat, lon, ok bool) {
	for name, f := range number {
		if f == nil {
			continue
		}
		switch name {
		case "latitude":
			p.Lat, lat = *f, true
		case "longitude":
			p.Lon, lon = *f, true
		case "altitude":
			p.Alt, p.Has = *f, p.Has|HasAlt
		case "speed":
			p.Speed, p.Has = *f, p.Has|HasSpeed
		case "angle":
			p.Course, p.Has = *f, p.Has|HasCourse
		case "satellites", "priority":
			if *f != math.Trunc(*f) || *f < 0 || *f > math.MaxInt32 {
				return
			}
			if name == "satellites" {
				p.Sats, p.Has = int32(*f), p.Has|HasSats
			} else {
				p.Priority, p.Has = int32(*f), p.Has|HasPriority
			}
		}
	}
	return lat, lon, true
}

func oracleFlat(p *Position, m map[string]string) (lat, lon, ok bool) {
	number := map[string]*float64{}
	for field, name := range map[string]string{
		"lat": "latitude", "lon": "longitude", "alt": "altitude", "speed": "speed", "course": "angle", "sats": "satellites",
	} {
		if text, given := m[field]; given {
			f, good := oracleNumber(text)
			if !good {
				return
			}
			number[name] = &f
		}
	}
	if text, given := m["faulty"]; given {
		switch text {
		case "1", "true":
			p.Faulty = true
		case "0", "false":
		default:
			return
		}
	}
	if text, given := m["attributes"]; given {
		raw := strings.Trim(text, " \t\r\n")
		if raw != "null" {
			p.Attributes = Attributes(raw)
			if !json.Valid([]byte(raw)) || !oracleText(raw) || !oracleNumbers([]byte(raw)) || !oracleAttributes([]byte(raw)) {
				return
			}
		}
	}
	return oracleNumbersInto(p, number)
}

var numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

func oracleNumber(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && numberForm.MatchString(text) && !strings.HasSuffix(text, "\n")
}

var timeForm = regexp.MustCompile(`^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?([Zz]|[-+][0-9]{2}:[0-9]{2})$`)

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
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	if t.Format("2006-01-02T15:04:05") != strings.ToUpper(text[:19]) {
		return 0, false // there is no such date or time
	}
	ms := t.UnixMilli()
	if m[7] != "" {
		cut, _ := strconv.Atoi((m[7][1:] + "00")[:3])
		ms += int64(cut)
	}
	if zone := m[8]; len(zone) > 1 {
		hours, _ := strconv.Atoi(zone[1:3])
		minutes, _ := strconv.Atoi(zone[4:])
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

// oracleAttributes looks at each member of an object.
func oracleAttributes(raw []byte) bool {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if t, _ := d.Token(); t != json.Delim('{') {
		return false
	}
	for d.More() {
		if _, err := d.Token(); err != nil {
			return false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil || !oracleAttribute(value) {
			return false
		}
	}
	return true
}

var integerForm = regexp.MustCompile(`^-?[0-9]+$`)

func oracleAttribute(value json.RawMessage) bool {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return false
	}
	tagged, isObject := v.(map[string]any)
	if !isObject {
		_, isArray := v.([]any)
		return v != nil && !isArray
	}
	d := json.NewDecoder(strings.NewReader(string(value)))
	tokens := 0
	for _, err := d.Token(); err == nil; _, err = d.Token() {
		tokens++
	}
	text, isText := tagged["__bigint"].(string)
	if _, whole := new(big.Int).SetString(text, 10); isText && whole && integerForm.MatchString(text) {
		return tokens == 4 // braces, name and value
	}
	text, isText = tagged["__buffer_b64"].(string)
	_, err := base64.StdEncoding.DecodeString(text)
	return tokens == 4 && isText && err == nil && !strings.ContainsAny(text, "\r\n")
}

// oracleNumbers reports whether every number of a valid text is a float64.
func oracleNumbers(raw []byte) bool {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	for {
		t, err := d.Token()
		if err != nil {
			return true
		}
		if n, isNumber := t.(json.Number); isNumber {
			if _, ok := oracleNumber(n.String()); !ok {
				return false
			}
		}
	}
}

// oracleDepth returns how deep a valid text is nested.
func oracleDepth(text string) (deepest int) {
	d := json.NewDecoder(strings.NewReader(text))
	depth := 0
	for {
		t, err := d.Token()
		if err != nil {
			return deepest
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// oracleText reports whether a valid JSON text is UTF-8 without NUL and lone
// surrogates.
func oracleText(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		if text[i] != 'u' {
			continue
		}
		r, _ := strconv.ParseUint(text[i+1:i+5], 16, 16)
		i += 4
		switch {
		case r == 0:
			return false
		case !utf16.IsSurrogate(rune(r)):
		case i+6 < len(text) && text[i+1] == '\\' && text[i+2] == 'u':
			low, _ := strconv.ParseUint(text[i+3:i+7], 16, 16)
			if utf16.DecodeRune(rune(r), rune(low)) == utf8.RuneError {
				return false
			}
			i += 6
		default:
			return false
		}
	}
	return true
}
