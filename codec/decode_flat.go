package codec

import "strings"

// readFlat reads a flat record, in which each field is one value. If a required
// value is wrong, m is that value and end the byte of its field.
func (v *values) readFlat(r *record) (m member, end int, reason Reason) {
	for m = memberLatitude; m <= memberSatellites; m++ {
		if !r.holds(field(m)) {
			continue
		}
		if r.tooLarge(field(m)) {
			end, reason = 0, ReasonTooLarge
		} else {
			v.number[m], end, reason = parseWholeNumber(r.text(field(m)))
		}
		switch {
		case reason == 0:
			v.has |= 1 << m
		case m <= memberLongitude:
			return m, end, reason
		default:
			v.omitNumber(m, reason)
		}
	}
	if r.holds(fieldAttributes) {
		if r.tooLarge(fieldAttributes) {
			v.omitted.add(OptionalAttributes, ReasonTooLarge)
		} else if reason = v.readFlatAttributes(r.text(fieldAttributes)); reason != 0 {
			v.attributes = ""
			v.omitted.remove(1 << OptionalAttribute)
			v.omitted.add(OptionalAttributes, reason)
		}
	}
	if r.holds(fieldFaulty) {
		if r.tooLarge(fieldFaulty) {
			v.faulty = true
			v.omitted.add(OptionalFaulty, ReasonTooLarge)
		} else {
			v.setFaulty(r.text(fieldFaulty))
		}
	}
	return memberOther, 0, 0
}

// readFlatAttributes reads the text of an object, or null, which means that there
// are none.
func (v *values) readFlatAttributes(s string) (reason Reason) {
	i := skipSpace(s, 0)
	if i == len(s) {
		return ReasonAttribute
	}
	end, reason := v.readAttributes(s, i, 0)
	if reason == 0 && skipSpace(s, end) != len(s) {
		return ReasonJSON
	}
	return reason
}

// setFaulty sets faulty from one of the usual spellings of a boolean. An empty text
// counts as absent, any other text as faulty.
func (v *values) setFaulty(text string) {
	v.omitted.remove(1 << OptionalFaulty)
	switch {
	case text == "" || text == "0" || isWord(text, "false"):
		v.faulty = false
	case text == "1" || isWord(text, "true"):
		v.faulty = true
	default:
		v.faulty = true
		v.omitted.add(OptionalFaulty, ReasonType)
	}
}

// isWord reports whether s is word, an ASCII text, in upper or lower case.
func isWord(s, word string) bool { return len(s) == len(word) && strings.EqualFold(s, word) }
