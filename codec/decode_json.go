package codec

import "strconv"

// readPayload reads the JSON of a payload. If it fails, m is the member and end the
// byte at fault.
func (v *values) readPayload(s string) (m member, end int, reason Reason) {
	i := skipSpace(s, 0)
	if at(s, i) != '{' {
		return memberOther, i, ReasonJSON
	}
	i = skipSpace(s, i+1)
	closed := at(s, i) == '}'
	if closed {
		i++
	}
	for !closed {
		if m, i, reason = payloadMember(s, i); reason != 0 {
			return memberOther, i, reason
		}
		if m < numberMembers {
			f, end, fault := parseNumber(s, i)
			if fault != 0 {
				end, fault = v.readOtherNumber(s, i, end, m, fault)
			} else {
				v.setNumber(m, f, i)
			}
			i, reason = end, fault
		} else {
			i, reason = v.readOther(s, i, m)
		}
		if reason != 0 {
			return m, i, reason
		}
		// The usual comma, without white space after it.
		if i+1 < len(s) && s[i] == ',' && s[i+1] == '"' {
			i++
			continue
		}
		if i, closed, reason = readSeparator(s, i, '}'); reason != 0 {
			return memberOther, i, reason
		}
	}
	if skipSpace(s, i) != len(s) {
		return memberOther, i, ReasonJSON
	}
	return memberOther, i, 0
}

// setNumber sets a number whose value begins at i.
func (v *values) setNumber(m member, f float64, i int) {
	v.number[m], v.offset[m] = f, int32(i)
	v.has |= 1 << m
}

// readOtherNumber reads a member that should be a number and is not a JSON number:
// null, which means that it is absent, or a string that holds the number. Anything
// else is left out if the member is optional. reason is why it is no JSON number,
// and end where.
func (v *values) readOtherNumber(s string, i, end int, m member, reason Reason) (int, Reason) {
	switch {
	case nullAt(s, i):
		v.number[m] = 0
		v.has &^= 1 << m
		if m > memberLongitude {
			v.omitted.remove(1 << (m - memberAltitude))
		}
		return i + len("null"), 0
	case at(s, i) == '"':
		closing, fault := skipString(s, i+1)
		if fault == ReasonJSON {
			return closing, fault
		}
		if fault == 0 {
			if f, ok := numberText(s[i+1 : closing]); ok {
				v.setNumber(m, f, i)
				return closing + 1, 0
			}
		}
		end, reason = i, ReasonNumber
	default:
		reason = refineReason(s, i, reason)
	}
	if m <= memberLongitude {
		return end, reason
	}
	v.omitNumber(m, reason)
	return skipIgnored(s, i)
}

// numberText reads the number that the inside of a checked JSON string holds.
func numberText(raw string) (f float64, ok bool) {
	var buf [maxShortValue]byte
	if raw, ok = unescapeShort(buf[:0], raw); !ok {
		return 0, false
	}
	f, _, reason := parseWholeNumber(raw)
	return f, reason == 0
}

// refineReason returns ReasonType if the value at i is JSON of another type than the
// wanted one, otherwise reason.
func refineReason(s string, i int, reason Reason) Reason {
	switch at(s, i) {
	case '"', '{', '[', 't', 'f', 'n':
		return ReasonType
	}
	return reason
}

// readOther reads a member that is not a number.
func (v *values) readOther(s string, i int, m member) (int, Reason) {
	switch m {
	case memberTimestamp:
		return v.readTime(s, i)
	case memberAttributes:
		return v.readAttributes(s, i, 1)
	case memberFaulty:
		return v.readFaulty(s, i)
	}
	return skipIgnored(s, i)
}

// readFaulty reads a boolean, or a number or a string that stands for one, or null,
// which means that it is absent. What cannot be read counts as faulty.
func (v *values) readFaulty(s string, i int) (end int, reason Reason) {
	if end, reason = skipValue(s, i, 1); reason == ReasonJSON {
		return end, reason
	}
	text := s[i:end]
	switch {
	case reason != 0: // no boolean either
	case text == "null":
		text = ""
	case text[0] == '"':
		var buf [maxShortValue]byte
		if unescaped, ok := unescapeShort(buf[:0], text[1:len(text)-1]); ok {
			text = unescaped
		}
	default:
		if f, _, fault := parseNumber(s, i); fault == 0 && (f == 0 || f == 1) {
			text = strconv.Itoa(int(f))
		}
	}
	v.setFaulty(text)
	return end, 0
}

// readTime reads the timestamp: a string or a number. Null or an empty string means
// that it is absent.
func (v *values) readTime(s string, i int) (int, Reason) {
	v.offset[memberTimestamp] = int32(i)
	if at(s, i) != '"' {
		if nullAt(s, i) {
			v.timed = false
			return i + len("null"), 0
		}
		f, end, reason := parseNumber(s, i)
		if reason != 0 {
			return end, refineReason(s, i, reason)
		}
		v.ts, v.timed = epochMs(f), true
		return end, 0
	}
	if ms, ok := parseCommonTime(s, i+1); ok {
		v.ts, v.timed = ms, true
		return i + len(commonLayout) + 2, 0
	}
	end, reason := scanString(s, i+1)
	if reason != 0 {
		return end, reason
	}
	if v.timed = end > i+1; v.timed {
		var ok bool
		if v.ts, ok = parseTimeString(s[i+1 : end]); !ok {
			return i, ReasonTimestamp
		}
	}
	return end + 1, 0
}
