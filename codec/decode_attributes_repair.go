package codec

// readAttributes reads the attributes at i, which are nested in depth objects. It
// leaves out what is wrong with them: all attributes if they are no object,
// otherwise the members that are wrong. It fails only with ReasonJSON.
func (v *values) readAttributes(s string, i, depth int) (end int, reason Reason) {
	if nullAt(s, i) {
		v.setAttributes("")
		return i + len("null"), 0
	}
	if end, reason = attributes(s, i, depth+1); reason == 0 {
		v.setAttributes(Attributes(s[i:end]))
		return end, 0
	}
	if end, reason = skipValue(s, i, depth); reason == ReasonJSON {
		return end, reason
	}
	if s[i] != '{' {
		v.setAttributes("")
		v.omitted.add(OptionalAttributes, ReasonAttribute)
		return end, 0
	}
	valid, reason := validMembers(s[i:end], depth+1)
	v.setAttributes(valid)
	if reason != 0 {
		v.omitted.add(OptionalAttribute, reason)
	}
	return end, 0
}

// setAttributes replaces the attributes that an earlier member has set.
func (v *values) setAttributes(a Attributes) {
	v.attributes = a
	v.omitted.remove(1<<OptionalAttributes | 1<<OptionalAttribute)
}

// validMembers returns an object of those members of s that can be attributes, and
// the reason why the first of the others cannot. s is one JSON object. The memory of
// the result is new, and not the decoder's: callers use the positions of many
// records at the same time.
func validMembers(s string, depth int) (valid Attributes, reason Reason) {
	var b []byte
	i := skipSpace(s, 1)
	for closed := s[i] == '}'; !closed; {
		_, value, fault := readName(s, i)
		if fault == 0 {
			_, _, fault = attributeValue(s, value, depth)
		}
		end, _ := skipValue(s, value, depth)
		switch {
		case fault != 0:
			if reason == 0 {
				reason = fault
			}
		case b == nil:
			b = append(append(make([]byte, 0, len(s)), '{'), s[i:end]...)
		default:
			b = append(append(b, ','), s[i:end]...)
		}
		i, closed, _ = readSeparator(s, end, '}')
	}
	if b == nil {
		return "{}", reason
	}
	return Attributes(alias(append(b, '}'))), reason
}
