package codec

// attributes checks the object at i, whose members are nested in depth objects.
// end is the byte after it, or where it is refused.
func attributes(s string, i, depth int) (end int, reason Reason) {
	if at(s, i) != '{' {
		return i, ReasonAttribute
	}
	i = skipSpace(s, i+1)
	if at(s, i) == '}' {
		return i + 1, 0
	}
	for closed := false; !closed; {
		if i, reason = attributeName(s, i); reason != 0 {
			return i, reason
		}
		if end := commonValue(s, i); end > 0 {
			i = end
		} else if _, i, reason = attributeValue(s, i, depth); reason != 0 {
			return i, reason
		}
		// The usual comma, without white space after it.
		if i+1 < len(s) && s[i] == ',' && s[i+1] == '"' {
			i++
			continue
		}
		if i, closed, reason = readSeparator(s, i, '}'); reason != 0 {
			return i, reason
		}
	}
	return i, 0
}

// attributeName reads a name and its colon. Most names have no escapes, at most 15
// bytes, and no white space around the colon.
func attributeName(s string, i int) (next int, reason Reason) {
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
	_, next, reason = readName(s, i)
	return next, reason
}

// commonValue returns the end of the value at i if it is an integer of up to seven
// digits, or true. It returns 0 for all others.
func commonValue(s string, i int) (end int) {
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

// attributeValue checks the value at i of an attribute that is nested in depth
// objects.
func attributeValue(s string, i, depth int) (kind AttributeKind, end int, reason Reason) {
	switch c := at(s, i); {
	case c == '-' || c-'0' <= 9:
		end, reason = skipNumber(s, i)
		return AttributeNumber, end, reason
	case c == '"':
		if end, reason = scanString(s, i+1); reason != 0 {
			return 0, end, reason
		}
		return AttributeString, end + 1, 0
	case c == '{':
		return attributeObject(s, i, depth)
	case c == '[':
		end, reason = skipValue(s, i, depth)
		return AttributeList, end, reason
	case hasAt(s, i, "true"):
		return AttributeBool, i + 4, 0
	case hasAt(s, i, "false"):
		return AttributeBool, i + 5, 0
	case nullAt(s, i):
		return AttributeNull, i + 4, 0
	}
	return 0, i, ReasonAttribute
}

// attributeObject checks the object at i. If its only member is named after a
// kind, the object must be of that kind.
func attributeObject(s string, i, depth int) (kind AttributeKind, end int, reason Reason) {
	start := skipSpace(s, i+1)
	nameEnd, value, reason := readName(s, start)
	if reason == 0 {
		if kind = kindNamed(s[start+1 : nameEnd]); kind != 0 {
			return taggedObject(s, i, value, depth, kind)
		}
	}
	end, reason = skipValue(s, i, depth)
	return AttributeObject, end, reason
}

// kindNamed returns the kind that a member is named after, 0 for any other name.
func kindNamed(name string) AttributeKind {
	switch {
	case sameText(name, "__bigint"):
		return AttributeBigInt
	case sameText(name, "__buffer_b64"):
		return AttributeBuffer
	}
	return 0
}

// taggedObject checks the object at i. Its first member is named after a kind, and
// has its value at value.
func taggedObject(s string, i, value, depth int, tagged AttributeKind) (kind AttributeKind, end int, reason Reason) {
	if end, reason = skipValue(s, value, depth+1); reason != 0 {
		return 0, end, reason
	}
	after, closed, reason := readSeparator(s, end, '}')
	switch {
	case reason != 0:
		return 0, after, reason
	case !closed:
		end, reason = skipValue(s, i, depth)
		return AttributeObject, end, reason
	case s[value] != '"',
		tagged == AttributeBigInt && !isInteger(s[value+1:end-1]),
		tagged == AttributeBuffer && !isBase64(s[value+1:end-1]):
		return 0, i, ReasonAttribute
	}
	return tagged, after, 0
}

// isInteger reports whether the inside of a checked JSON string is a decimal
// integer with an optional minus sign.
func isInteger(raw string) bool {
	digits := 0
	for i := 0; i < len(raw); {
		r, n := decodeChar(raw, i)
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
		r, n := decodeChar(raw, i)
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
