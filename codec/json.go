package codec

// The functions of this file read JSON from a text s at byte i. They return
// where they stopped: after what they read, or at the fault that the Reason
// names.

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

// space returns where the white space at i ends.
func space(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// hasAt reports whether want stands at i.
func hasAt(s string, i int, want string) bool {
	return len(s)-i >= len(want) && s[i:i+len(want)] == want
}

// null reports whether null stands at i.
func null(s string, i int) bool { return hasAt(s, i, "null") }

// nameAt reads the name of an object's member, whose opening quote must be at i,
// and the colon. end is its closing quote, next the first byte of the value.
func nameAt(s string, i int) (end, next int, why Reason) {
	if at(s, i) != '"' {
		return i, i, ReasonJSON
	}
	if end, why = quoted(s, i+1); why != 0 {
		return end, end, why
	}
	i = end + 1
	if at(s, i) != ':' {
		if i = space(s, i); at(s, i) != ':' {
			return end, i, ReasonJSON
		}
	}
	if i++; at(s, i) <= ' ' {
		i = space(s, i)
	}
	return end, i, 0
}

// separator reads what comes after a member or an element: a comma, after
// which next is the first byte of the following one, or closing, after which
// next is after it.
func separator(s string, i int, closing byte) (next int, closed bool, why Reason) {
	c := at(s, i)
	if c <= ' ' {
		i = space(s, i)
		c = at(s, i)
	}
	switch c {
	case closing:
		return i + 1, true, 0
	case ',':
		if i++; at(s, i) <= ' ' {
			i = space(s, i)
		}
		return i, false, 0
	}
	return i, false, ReasonJSON
}

// skip reads a value of any kind that stands in depth objects and arrays.
func skip(s string, i, depth int) (int, Reason) {
	switch c := at(s, i); {
	case c == '"':
		end, why := quoted(s, i+1)
		if why != 0 {
			return end, why
		}
		return end + 1, 0
	case c == '-' || c-'0' <= 9:
		return skipNumber(s, i)
	case c == '{' || c == '[':
		if depth == maxDepth {
			return i, ReasonJSON
		}
		return skipInside(s, i, depth+1, false)
	case hasAt(s, i, "true"), null(s, i):
		return i + 4, 0
	case hasAt(s, i, "false"):
		return i + 5, 0
	}
	return i, ReasonJSON
}

// skipInside reads the object or array at i. With anything, its names and values are
// read without the rules on strings and numbers: see skipAny.
func skipInside(s string, i, depth int, anything bool) (_ int, why Reason) {
	object, closing := s[i] == '{', s[i]+2 // the code points of brackets are so
	i = space(s, i+1)
	if at(s, i) == closing {
		return i + 1, 0
	}
	for closed := false; !closed; {
		if object {
			if i, why = skipName(s, i, anything); why != 0 {
				return i, why
			}
		}
		if anything {
			i, why = skipAny(s, i, depth)
		} else {
			i, why = skip(s, i, depth)
		}
		if why != 0 {
			return i, why
		}
		if i, closed, why = separator(s, i, closing); why != 0 {
			return i, why
		}
	}
	return i, 0
}

// skipName reads the name of a member and the colon.
func skipName(s string, i int, anything bool) (next int, why Reason) {
	if anything {
		_, next, _, why = anyName(s, i)
	} else {
		_, next, why = nameAt(s, i)
	}
	return next, why
}
