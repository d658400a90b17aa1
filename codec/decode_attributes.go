package codec

import "strings"

// attributes checks the object at i, whose members stand in depth objects. end
// is after it.
func attributes(s string, i, depth int) (end int, why Reason) {
	if at(s, i) != '{' {
		return i, ReasonAttribute
	}
	if i++; at(s, i) <= ' ' {
		i = space(s, i)
	}
	if at(s, i) == '}' {
		return i + 1, 0
	}
	for closed := false; !closed; {
		if i, why = attributeName(s, i); why != 0 {
			return i, why
		}
		if end := usualValue(s, i); end > 0 {
			i = end
		} else if _, i, why = attributeValue(s, i, depth); why != 0 {
			return i, why
		}
		// The usual comma, without white space after it.
		if i+1 < len(s) && s[i] == ',' && s[i+1] == '"' {
			i++
			continue
		}
		if i, closed, why = separator(s, i, '}'); why != 0 {
			return i, why
		}
	}
	return i, 0
}

// attributeName reads a name and its colon. Most names are plain, of at most
// 15 bytes and without white space around the colon.
func attributeName(s string, i int) (next int, why Reason) {
	if i+12 <= len(s) && s[i] == '"' {
		j := i + 1
		marks := special(load64(s, j))
		if marks == 0 && i+20 <= len(s) {
			j += 8
			marks = special(load64(s, j))
		}
		if j += first(marks); s[j] == '"' && s[j+1] == ':' && s[j+2] > ' ' {
			return j + 2, 0
		}
	}
	_, next, why = nameAt(s, i)
	return next, why
}

// usualValue returns the end of the value at i if it is an integer of up to
// seven digits or true, 0 for all else.
func usualValue(s string, i int) (end int) {
	if i+8 > len(s) {
		return 0
	}
	w := load64(s, i)
	if uint32(w) == 't'|'r'<<8|'u'<<16|'e'<<24 {
		return i + 4
	}
	n := digitRun(w)
	c := byte(w >> (8 * uint(n)))
	if n > 0 && (c == ',' || c == '}') && (n == 1 || byte(w) != '0') {
		return i + n
	}
	return 0
}

// attributeValue checks the value at i of an attribute that stands in depth
// objects.
func attributeValue(s string, i, depth int) (kind AttributeKind, end int, why Reason) {
	switch c := at(s, i); {
	case c == '-' || c-'0' <= 9:
		end, why = skipNumber(s, i)
		return AttributeNumber, end, why
	case c == '"':
		if end, why = quoted(s, i+1); why != 0 {
			return 0, end, why
		}
		return AttributeString, end + 1, 0
	case c == '{':
		return attributeObject(s, i, depth)
	case c == '[':
		end, why = skip(s, i, depth)
		return AttributeList, end, why
	case hasAt(s, i, "true"):
		return AttributeBool, i + 4, 0
	case hasAt(s, i, "false"):
		return AttributeBool, i + 5, 0
	case null(s, i):
		return AttributeNull, i + 4, 0
	}
	return 0, i, ReasonAttribute
}

// attributeObject checks the object at i. One whose only member is named after
// a kind must be of that kind.
func attributeObject(s string, i, depth int) (kind AttributeKind, end int, why Reason) {
	start := space(s, i+1)
	nameEnd, value, why := nameAt(s, start)
	if why == 0 {
		if kind = tagOf(s[start+1 : nameEnd]); kind != 0 {
			return taggedObject(s, i, value, depth, kind)
		}
	}
	end, why = skip(s, i, depth)
	return AttributeObject, end, why
}

// tagOf returns the kind that a member is named after, 0 for any other.
func tagOf(name string) AttributeKind {
	switch {
	case spells(name, "__bigint"):
		return AttributeBigInt
	case spells(name, "__buffer_b64"):
		return AttributeBuffer
	}
	return 0
}

// taggedObject checks the object at i, whose first member is named after a kind
// and has its value at value.
func taggedObject(s string, i, value, depth int, tagged AttributeKind) (kind AttributeKind, end int, why Reason) {
	if end, why = skip(s, value, depth+1); why != 0 {
		return 0, end, why
	}
	after, closed, why := separator(s, end, '}')
	switch {
	case why != 0:
		return 0, after, why
	case !closed:
		end, why = skip(s, i, depth)
		return AttributeObject, end, why
	case s[value] != '"',
		tagged == AttributeBigInt && !isInteger(s[value+1:end-1]),
		tagged == AttributeBuffer && !isBase64(s[value+1:end-1]):
		return 0, i, ReasonAttribute
	}
	return tagged, after, 0
}

// spells reports whether the inside of a checked JSON string stands for want,
// which is ASCII.
func spells(raw, want string) bool {
	if raw == want {
		return true
	}
	if strings.IndexByte(raw, '\\') < 0 {
		return false
	}
	for i := range len(want) {
		if raw == "" {
			return false
		}
		r, n := character(raw, 0)
		if r != rune(want[i]) {
			return false
		}
		raw = raw[n:]
	}
	return raw == ""
}

// isInteger reports whether the inside of a checked JSON string is a decimal
// integer, with a minus sign or none.
func isInteger(raw string) bool {
	digits := 0
	for i := 0; i < len(raw); {
		r, n := character(raw, i)
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r != '-' || i != 0:
			return false
		}
		i += n
	}
	return digits > 0
}

// isBase64 reports whether the inside of a checked JSON string is base64 in the
// standard alphabet, padded, without line breaks.
func isBase64(raw string) bool {
	count, padding := 0, 0
	for i := 0; i < len(raw); {
		r, n := character(raw, i)
		switch {
		case r == '=':
			padding++
		case padding > 0 || !isBase64Digit(r):
			return false
		}
		count++
		i += n
	}
	return count%4 == 0 && padding <= 2
}

func isBase64Digit(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '+' || r == '/'
}
