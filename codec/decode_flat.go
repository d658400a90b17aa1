package codec

// readFlat reads shape B: each field is one value. A fault is told with the
// member and the byte of the field's text.
func (v *values) readFlat(r *record) (m member, end int, why Reason) {
	for m = memberLatitude; m <= memberSatellites; m++ {
		if !r.holds(field(m)) {
			continue
		}
		if v.number[m], end, why = wholeNumber(r.text(field(m))); why != 0 {
			return m, end, why
		}
		v.has |= 1 << m
	}
	if r.holds(fieldAttributes) {
		if end, why = v.readFlatAttributes(r.text(fieldAttributes)); why != 0 {
			return memberAttributes, end, why
		}
	}
	if r.holds(fieldFaulty) {
		switch r.text(fieldFaulty) {
		case "1", "true":
			v.faulty = true
		case "0", "false":
		default:
			return memberFaulty, 0, ReasonType
		}
	}
	return memberOther, 0, 0
}

// readFlatAttributes reads the text of an object, or null when it is absent.
func (v *values) readFlatAttributes(s string) (end int, why Reason) {
	i := space(s, 0)
	if null(s, i) {
		end = i + len("null")
	} else if end, why = attributes(s, i); why != 0 {
		return end, why
	} else {
		v.attributes = Attributes(s[i:end])
	}
	if end = space(s, end); end != len(s) {
		return end, ReasonJSON
	}
	return end, 0
}
