package codec

import "strings"

// The first eight bytes of the names of members, as load64 gives them.
const (
	wordLatitude = 'l' | 'a'<<8 | 't'<<16 | 'i'<<24 | 't'<<32 | 'u'<<40 | 'd'<<48 | 'e'<<56
	wordLongitud = 'l' | 'o'<<8 | 'n'<<16 | 'g'<<24 | 'i'<<32 | 't'<<40 | 'u'<<48 | 'd'<<56
	wordAltitude = 'a' | 'l'<<8 | 't'<<16 | 'i'<<24 | 't'<<32 | 'u'<<40 | 'd'<<48 | 'e'<<56
	wordSpeed    = 's' | 'p'<<8 | 'e'<<16 | 'e'<<24 | 'd'<<32 | '"'<<40 | ':'<<48
	wordAngle    = 'a' | 'n'<<8 | 'g'<<16 | 'l'<<24 | 'e'<<32 | '"'<<40 | ':'<<48
	wordFaulty   = 'f' | 'a'<<8 | 'u'<<16 | 'l'<<24 | 't'<<32 | 'y'<<40 | '"'<<48
	wordSatellit = 's' | 'a'<<8 | 't'<<16 | 'e'<<24 | 'l'<<32 | 'l'<<40 | 'i'<<48 | 't'<<56
	wordPriority = 'p' | 'r'<<8 | 'i'<<16 | 'o'<<24 | 'r'<<32 | 'i'<<40 | 't'<<48 | 'y'<<56
	wordTimestam = 't' | 'i'<<8 | 'm'<<16 | 'e'<<24 | 's'<<32 | 't'<<40 | 'a'<<48 | 'm'<<56
	wordAttribut = 'a' | 't'<<8 | 't'<<16 | 'r'<<24 | 'i'<<32 | 'b'<<40 | 'u'<<48 | 't'<<56
	wordDeviceI  = 'd' | 'e'<<8 | 'v'<<16 | 'i'<<24 | 'c'<<32 | 'e'<<40 | '_'<<48 | 'i'<<56

	lowSeven   = 1<<56 - 1
	longestKey = len(`"attributes":`)
)

// payloadMember reads the name of a member, whose opening quote must be at i, and
// the colon. next is the first byte of the value. Names are distinguished by their
// first eight bytes, in a switch and not in a table: all records of a service have
// their members in the same order, which the processor's branch prediction learns.
func payloadMember(s string, i int) (m member, next int, reason Reason) {
	if i+longestKey < len(s) && s[i] == '"' {
		end := 0 // where the name's closing quote must be
		switch w := load64(s, i+1); w {
		case wordLatitude:
			m, end = memberLatitude, i+9
		case wordAltitude:
			m, end = memberAltitude, i+9
		case wordPriority:
			m, end = memberPriority, i+9
		case wordLongitud:
			if s[i+9] == 'e' {
				m, end = memberLongitude, i+10
			}
		case wordTimestam:
			if s[i+9] == 'p' {
				m, end = memberTimestamp, i+10
			}
		case wordDeviceI:
			if s[i+9] == 'd' {
				m, end = memberOther, i+10
			}
		case wordSatellit:
			if s[i+9] == 'e' && s[i+10] == 's' {
				m, end = memberSatellites, i+11
			}
		case wordAttribut:
			if s[i+9] == 'e' && s[i+10] == 's' {
				m, end = memberAttributes, i+11
			}
		default:
			switch w & lowSeven {
			case wordSpeed:
				m, end = memberSpeed, i+6
			case wordAngle:
				m, end = memberAngle, i+6
			case wordFaulty:
				m, end = memberFaulty, i+7
			}
		}
		if end > 0 && s[end] == '"' && s[end+1] == ':' && s[end+2] > ' ' {
			return m, end + 2, 0
		}
	}
	return anyMember(s, i)
}

// anyMember is payloadMember for every spelling of the name and the colon.
func anyMember(s string, i int) (m member, next int, reason Reason) {
	end, next, reason := readName(s, i)
	if reason == ReasonText { // the name of no member that is known
		return memberOther, next, 0
	}
	if reason != 0 {
		return memberOther, next, reason
	}
	raw := s[i+1 : end]
	if strings.IndexByte(raw, '\\') >= 0 {
		var buf [maxShortValue]byte
		raw, _ = unescapeShort(buf[:0], raw) // "" if it is too long
		return memberNamed(raw), next, 0
	}
	return memberNamed(raw), next, 0
}

// memberNamed returns the member with a name as a payload has it.
func memberNamed(name string) member {
	for m, full := range payloadNames {
		if name == full[min(len(full), len("payload.")):] {
			return member(m)
		}
	}
	return memberOther
}
