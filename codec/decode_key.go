package codec

import "strings"

// The first eight bytes of the names of members, as load64 gives them.
const (
	wordLatitude   = 'l' | 'a'<<8 | 't'<<16 | 'i'<<24 | 't'<<32 | 'u'<<40 | 'd'<<48 | 'e'<<56
	wordLongitud   = 'l' | 'o'<<8 | 'n'<<16 | 'g'<<24 | 'i'<<32 | 't'<<40 | 'u'<<48 | 'd'<<56
	wordAltitude   = 'a' | 'l'<<8 | 't'<<16 | 'i'<<24 | 't'<<32 | 'u'<<40 | 'd'<<48 | 'e'<<56
	wordSpeed      = 's' | 'p'<<8 | 'e'<<16 | 'e'<<24 | 'd'<<32 | '"'<<40 | ':'<<48
	wordAngle      = 'a' | 'n'<<8 | 'g'<<16 | 'l'<<24 | 'e'<<32 | '"'<<40 | ':'<<48
	wordFaulty     = 'f' | 'a'<<8 | 'u'<<16 | 'l'<<24 | 't'<<32 | 'y'<<40 | '"'<<48
	wordSatellit   = 's' | 'a'<<8 | 't'<<16 | 'e'<<24 | 'l'<<32 | 'l'<<40 | 'i'<<48 | 't'<<56
	wordPriority   = 'p' | 'r'<<8 | 'i'<<16 | 'o'<<24 | 'r'<<32 | 'i'<<40 | 't'<<48 | 'y'<<56
	wordTimestam   = 't' | 'i'<<8 | 'm'<<16 | 'e'<<24 | 's'<<32 | 't'<<40 | 'a'<<48 | 'm'<<56
	wordAttribut   = 'a' | 't'<<8 | 't'<<16 | 'r'<<24 | 'i'<<32 | 'b'<<40 | 'u'<<48 | 't'<<56
	lowSeven       = 1<<56 - 1
	longestKeyTail = len(`"attributes":x`)
)

// payloadMember reads the name of a member, whose opening quote must be at i,
// and the colon. i is then the first byte of the value.
func payloadMember(s string, i int) (m member, next int, why Reason) {
	if i+longestKeyTail <= len(s) && s[i] == '"' {
		tail := 9
		switch w := load64(s, i+1); w {
		case wordLatitude:
			m = memberLatitude
		case wordLongitud:
			m, tail = memberLongitude, 10
		case wordAltitude:
			m = memberAltitude
		case wordPriority:
			m = memberPriority
		case wordTimestam:
			m, tail = memberTimestamp, 10
		case wordSatellit:
			m, tail = memberSatellites, 11
		case wordAttribut:
			m, tail = memberAttributes, 11
		default:
			switch w & lowSeven {
			case wordSpeed:
				m, tail = memberSpeed, 6
			case wordAngle:
				m, tail = memberAngle, 6
			case wordFaulty:
				m, tail = memberFaulty, 7
			default:
				return anyMember(s, i)
			}
		}
		// The letters that the word does not hold are checked by name below
		// unless the usual `":` follows and they are right.
		if known := memberNames[m]; tail <= 9 || s[i+9:i+tail] == known[len(known)-(tail-9):] {
			if j := i + tail; s[j] == '"' && s[j+1] == ':' && s[j+2] > ' ' {
				return m, j + 2, 0
			}
		}
	}
	return anyMember(s, i)
}

// anyMember is payloadMember for every spelling.
func anyMember(s string, i int) (m member, next int, why Reason) {
	end, next, why := name(s, i)
	if why != 0 {
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
