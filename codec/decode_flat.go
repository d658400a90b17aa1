package codec

import "strings"

// readFlat reads shape B: each field is one value. A fault of a required value
// is reported with the member and the byte of the field's text.
func (v *values) readFlat(r *record) (m member, end int, why Reason) {
	for m = memberLatitude; m <= memberSatellites; m++ {
		if !r.holds(field(m)) {
			continue
		}
		if r.tooLarge(field(m)) {
			end, why = 0, ReasonTooLarge
		} else {
			v.number[m], end, why = wholeNumber(r.text(field(m)))
		}
		switch {
		case why == 0:
			v.has |= 1 << m
		case m <= memberLongitude:
			return m, end, why
		default:
			v.leaveNumber(m, why)
		}
	}
	if r.holds(fieldAttributes) {
		if r.tooLarge(fieldAttributes) {
			v.left.add(OptionalAttributes, ReasonTooLarge)
		} else if why = v.readFlatAttributes(r.text(fieldAttributes)); why != 0 {
			v.attributes = ""
			v.left.drop(1 << OptionalAttribute)
			v.left.add(OptionalAttributes, why)
		}
	}
	if r.holds(fieldFaulty) {
		if r.tooLarge(fieldFaulty) {
			v.faulty = true
			v.left.add(OptionalFaulty, ReasonTooLarge)
		} else {
			v.readFaultyText(r.text(fieldFaulty))
		}
	}
	return memberOther, 0, 0
}

// readFlatAttributes reads the text of an object, or null when it is absent.
func (v *values) readFlatAttributes(s string) (why Reason) {
	i := space(s, 0)
	if i == len(s) {
		return ReasonAttribute
	}
	end, why := v.readAttributes(s, i, 0)
	if why == 0 && space(s, end) != len(s) {
		return ReasonJSON
	}
	return why
}

// readFaultyText reads the usual spellings of a boolean; an empty text is
// absent. What cannot be read counts as faulty.
func (v *values) readFaultyText(s string) {
	v.left.drop(1 << OptionalFaulty)
	switch {
	case s == "" || s == "0" || isWord(s, "false"):
		v.faulty = false
	case s == "1" || isWord(s, "true"):
		v.faulty = true
	default:
		v.faulty = true
		v.left.add(OptionalFaulty, ReasonType)
	}
}

// isWord reports whether s is word, which is ASCII, in upper or lower case.
func isWord(s, word string) bool { return len(s) == len(word) && strings.EqualFold(s, word) }
