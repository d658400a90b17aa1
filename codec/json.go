package codec

// The functions of this file read JSON from a text s, beginning at byte i. They
// return where they stopped: after what they read, or, with ReasonJSON, at the
// byte where the grammar is broken. A name or a value can be well-formed JSON and
// still be refused, because of a string or a number in it. It is read to its end
// all the same, and the Reason is ReasonText or ReasonNumber.

// maxDepth is how deep objects and arrays may be nested, the outermost one
// included.
const maxDepth = 32

// at returns s[i], or 0 after the end: no JSON has that byte.
func at(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// skipSpace returns where the white space at i ends. Devices send JSON without
// white space, so the usual case is small enough to be inlined.
func skipSpace(s string, i int) int {
	if at(s, i) > ' ' {
		return i
	}
	return skipSpaces(s, i)
}

func skipSpaces(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// hasAt reports whether want stands at i.
func hasAt(s string, i int, want string) bool {
	return len(s)-i >= len(want) && s[i:i+len(want)] == want
}

// nullAt reports whether null stands at i.
func nullAt(s string, i int) bool { return hasAt(s, i, "null") }

// readName reads the name of an object's member, whose opening quote must be at
// i, and the colon. end is its closing quote, next the first byte of the value.
func readName(s string, i int) (end, next int, reason Reason) {
	if at(s, i) != '"' {
		return i, i, ReasonJSON
	}
	if end, reason = skipString(s, i+1); reason == ReasonJSON {
		return end, end, reason
	}
	if i = skipSpace(s, end+1); at(s, i) != ':' {
		return end, i, ReasonJSON
	}
	return end, skipSpace(s, i+1), reason
}

// readSeparator reads what comes after a member or an element. After a comma,
// next is the first byte of the following one. After the closing bracket, next is
// the byte after it.
func readSeparator(s string, i int, closing byte) (next int, closed bool, reason Reason) {
	i = skipSpace(s, i)
	switch at(s, i) {
	case closing:
		return i + 1, true, 0
	case ',':
		return skipSpace(s, i+1), false, 0
	}
	return i, false, ReasonJSON
}

// skipValue reads a value of any kind that is nested in depth objects and arrays.
func skipValue(s string, i, depth int) (end int, reason Reason) {
	switch c := at(s, i); {
	case c == '"':
		if end, reason = skipString(s, i+1); reason != ReasonJSON {
			end++
		}
		return end, reason
	case c == '-' || c-'0' <= 9:
		if end, reason = skipNumber(s, i); reason == 0 {
			return end, 0
		}
		if _, end, ok := scanNumber(s, i); ok {
			return end, ReasonNumber
		}
		return end, ReasonJSON
	case c == '{' || c == '[':
		if depth == maxDepth {
			return i, ReasonJSON
		}
		return skipContainer(s, i, depth+1)
	case hasAt(s, i, "true"), nullAt(s, i):
		return i + 4, 0
	case hasAt(s, i, "false"):
		return i + 5, 0
	}
	return i, ReasonJSON
}

// skipContainer reads the object or array at i, whose elements are nested in
// depth objects and arrays. If several elements are refused, it returns one of
// their reasons.
func skipContainer(s string, i, depth int) (end int, refused Reason) {
	object, closing := s[i] == '{', s[i]+2 // in ASCII, '}' is '{'+2 and ']' is '['+2
	i = skipSpace(s, i+1)
	if at(s, i) == closing {
		return i + 1, 0
	}
	for closed := false; !closed; {
		var reason Reason
		if object {
			if _, i, reason = readName(s, i); reason == ReasonJSON {
				return i, reason
			}
			refused = max(refused, reason)
		}
		if i, reason = skipValue(s, i, depth); reason == ReasonJSON {
			return i, reason
		}
		refused = max(refused, reason)
		if i, closed, reason = readSeparator(s, i, closing); reason != 0 {
			return i, reason
		}
	}
	return i, refused
}

// skipIgnored reads a value of a payload that is not used. Its strings and numbers may
// be anything, so it fails only where the grammar is broken.
func skipIgnored(s string, i int) (end int, reason Reason) {
	if end, reason = skipValue(s, i, 1); reason != ReasonJSON {
		reason = 0
	}
	return end, reason
}
