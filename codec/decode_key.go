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

	lowSeven   = 1<<56 - 1
	longestKey = len(`"attributes":`)
)

// payloadMember reads the name of a member, whose opening quote must be at i,
// and the colon; next is the first byte of the value. Names are distinguished by
// their first eight bytes: a switch, since all records of a service have their
// members in the same order, which the processor learns.
func payloadMember(s string, i int) (m member, next int, why Reason) {
	if i+longestKey < len(s) && s[i] == '"' {
		switch w := load64(s, i+1); w {
		case wordLatitude:
			m, next = memberLatitude, i+9
		case wordAltitude:
			m, next = memberAltitude, i+9
		case wordPriority:
			m, next = memberPriority, i+9
		case wordLongitud:
			if m, next = memberLongitude, i+10; s[i+9] != 'e' {
				return anyMember(s, i)
			}
		case wordTimestam:
			if m, next = memberTimestamp, i+10; s[i+9] != 'p' {
				return anyMember(s, i)
			}
		case wordSatellit:
			if m, next = memberSatellites, i+11; s[i+9] != 'e' || s[i+10] != 's' {
				return anyMember(s, i)
			}
		case wordAttribut:
			if m, next = memberAttributes, i+11; s[i+9] != 'e' || s[i+10] != 's' {
				return anyMember(s, i)
			}
		default:
			switch w & lowSeven {
			case wordSpeed:
				m, next = memberSpeed, i+6
			case wordAngle:
				m, next = memberAngle, i+6
			case wordFaulty:
				m, next = memberFaulty, i+7
			default:
				return anyMember(s, i)
			}
		}
		if s[next] == '"' && s[next+1] == ':' && s[next+2] > ' ' {
			return m, next + 2, 0
		}
	}
	return anyMember(s, i)
}

// anyMember is payloadMember for every spelling.
func anyMember(s string, i int) (m member, next int, why Reason) {
	end, next, why := nameAt(s, i)
	if why != 0 { // no member that is known is spelled so
		_, next, _, why = anyName(s, i)
		return memberOther, next, why
	}
	raw := s[i+1 : end]
	if strings.IndexByte(raw, '\\') >= 0 {
		const longest = 6 * len("satellites") // each letter as \u0000
		if len(raw) > longest {
			return memberOther, next, 0
		}
		var room [longest]byte
		return memberOf(alias(appendUnquoted(room[:0], raw))), next, 0
	}
	return memberOf(raw), next, 0
}

func memberOf(name string) member {
	switch name {
	case "latitude":
		return memberLatitude
	case "longitude":
		return memberLongitude
	case "altitude":
		return memberAltitude
	case "speed":
		return memberSpeed
	case "angle":
		return memberAngle
	case "satellites":
		return memberSatellites
	case "priority":
		return memberPriority
	case "timestamp":
		return memberTimestamp
	case "attributes":
		return memberAttributes
	case "faulty":
		return memberFaulty
	}
	return memberOther
}
