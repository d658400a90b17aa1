package codec

// The functions of this file read whatever JSON allows, also what quoted and
// number refuse. They find the end of a value that is left out.

// skipAny is skip without its rules on strings and numbers. It fails only with
// ReasonJSON: where the grammar is broken, or the nesting is too deep.
func skipAny(s string, i, depth int) (end int, why Reason) {
	switch c := at(s, i); {
	case c == '"':
		if end, _, why = anyQuoted(s, i+1); why != 0 {
			return end, why
		}
		return end + 1, 0
	case c == '-' || c-'0' <= 9:
		return skipAnyNumber(s, i)
	case c == '{' || c == '[':
		if depth == maxDepth {
			return i, ReasonJSON
		}
		return skipInside(s, i, depth+1, true)
	}
	return skip(s, i, depth)
}

// anyName is nameAt without the rules on strings; text is false where they are
// broken.
func anyName(s string, i int) (end, next int, text bool, why Reason) {
	if at(s, i) != '"' {
		return i, i, false, ReasonJSON
	}
	if end, text, why = anyQuoted(s, i+1); why != 0 {
		return end, end, false, why
	}
	if i = space(s, end+1); at(s, i) != ':' {
		return end, i, false, ReasonJSON
	}
	return end, space(s, i+1), text, 0
}

// skipAnyNumber reads a number of any size.
func skipAnyNumber(s string, i int) (end int, why Reason) {
	if at(s, i) == '-' {
		i++
	}
	whole := i
	i = digits(s, i)
	if i == whole || s[whole] == '0' && i > whole+1 {
		return whole, ReasonJSON
	}
	if at(s, i) == '.' {
		point := i
		if i = digits(s, i+1); i == point+1 {
			return i, ReasonJSON
		}
	}
	if at(s, i)|0x20 == 'e' {
		if _, i = exponentAt(s, i+1); i < 0 {
			return -i, ReasonJSON
		}
	}
	return i, 0
}
