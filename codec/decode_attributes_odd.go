package codec

// readAttributes reads the attributes at i, which stand in depth objects. What
// is wrong with them is left out: all of them where they are no object,
// otherwise the members that are at fault. It fails only with ReasonJSON.
func (v *values) readAttributes(s string, i, depth int) (end int, why Reason) {
	if null(s, i) {
		v.setAttributes("")
		return i + len("null"), 0
	}
	if end, why = attributes(s, i, depth+1); why == 0 {
		v.setAttributes(Attributes(s[i:end]))
		return end, 0
	}
	if end, why = skipAny(s, i, depth); why != 0 {
		return end, why
	}
	if s[i] != '{' {
		v.setAttributes("")
		v.left.add(OptionalAttributes, ReasonAttribute)
		return end, 0
	}
	kept, why := goodMembers(s[i:end], depth+1)
	v.setAttributes(kept)
	if why != 0 {
		v.left.add(OptionalAttribute, why)
	}
	return end, 0
}

// setAttributes sets the attributes in place of those of an earlier member.
func (v *values) setAttributes(a Attributes) {
	v.attributes = a
	v.left.drop(1<<OptionalAttributes | 1<<OptionalAttribute)
}

// goodMembers returns an object of the members of s that can be attributes, and
// why the first of the others cannot. s is one JSON object. The object is new
// memory: callers keep the positions of many records at the same time, so that
// nothing of the decoder could be used again for it.
func goodMembers(s string, depth int) (kept Attributes, why Reason) {
	var b []byte
	i := space(s, 1)
	for closed := s[i] == '}'; !closed; {
		_, value, text, _ := anyName(s, i)
		var fault Reason
		if text {
			_, _, fault = attributeValue(s, value, depth)
		} else {
			fault = ReasonText
		}
		end, _ := skipAny(s, value, depth)
		switch {
		case fault != 0:
			if why == 0 {
				why = fault
			}
		case b == nil:
			b = append(append(make([]byte, 0, len(s)), '{'), s[i:end]...)
		default:
			b = append(append(b, ','), s[i:end]...)
		}
		i, closed, _ = separator(s, end, '}')
	}
	if b == nil {
		return "{}", why
	}
	return Attributes(alias(append(b, '}'))), why
}
