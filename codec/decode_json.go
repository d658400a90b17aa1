package codec

// readPayload reads the JSON of shape A. A fault is reported with the member and
// the byte.
func (v *values) readPayload(s string) (m member, end int, why Reason) {
	i := space(s, 0)
	if at(s, i) != '{' {
		return memberOther, i, ReasonJSON
	}
	i = space(s, i+1)
	if at(s, i) == '}' {
		return memberOther, i, v.finish(s, i+1)
	}
	for {
		if m, i, why = payloadMember(s, i); why != 0 {
			return memberOther, i, why
		}
		if m < numbers {
			f, end, fault := number(s, i)
			if fault != 0 {
				end, fault = v.oddNumber(s, i, end, m, fault)
			} else {
				v.number[m], v.offset[m] = f, int32(i)
				v.has |= 1 << m
			}
			i, why = end, fault
		} else {
			i, why = v.readOther(s, i, m)
		}
		if why != 0 {
			return m, i, why
		}
		// The usual comma, without white space after it.
		if i+1 < len(s) && s[i] == ',' && s[i+1] == '"' {
			i++
			continue
		}
		var closed bool
		if i, closed, why = separator(s, i, '}'); why != 0 {
			return memberOther, i, why
		}
		if closed {
			return memberOther, i, v.finish(s, i)
		}
	}
}

// finish checks that only white space comes after the object.
func (v *values) finish(s string, i int) Reason {
	if i != len(s) && space(s, i) != len(s) {
		return ReasonJSON
	}
	return 0
}

// oddNumber reads a member that should be a number, but is not written as one:
// null when it is absent, or a string that holds the number. Otherwise it is
// left out if it is optional, for the reason that was found at end.
func (v *values) oddNumber(s string, i, end int, m member, why Reason) (int, Reason) {
	switch {
	case null(s, i):
		v.number[m] = 0
		v.has &^= 1 << m
		if m > memberLongitude {
			v.left.drop(1 << (m - memberAltitude))
		}
		return i + len("null"), 0
	case at(s, i) == '"':
		close, text, fault := anyQuoted(s, i+1)
		if fault != 0 {
			return close, fault
		}
		if f, ok := numberText(s[i+1:close], text); ok {
			v.number[m], v.offset[m] = f, int32(i)
			v.has |= 1 << m
			return close + 1, 0
		}
		end, why = i, ReasonNumber
	default:
		why = wrongType(s, i, why)
	}
	if m <= memberLongitude {
		return end, why
	}
	v.leaveNumber(m, why)
	return skipAny(s, i, 1)
}

// numberText reads the number that the inside of a JSON string holds, which
// quoted must have taken as text.
func numberText(raw string, text bool) (f float64, ok bool) {
	var room [longestEscaped]byte
	if !text {
		return 0, false
	}
	if raw, ok = unescaped(room[:0], raw); !ok {
		return 0, false
	}
	f, _, why := wholeNumber(raw)
	return f, why == 0
}

// wrongType makes why a ReasonType if there is a JSON value at i, but none of
// those that can stand there.
func wrongType(s string, i int, why Reason) Reason {
	switch at(s, i) {
	case '"', '{', '[', 't', 'f', 'n':
		return ReasonType
	}
	return why
}

// readOther reads a member that is no number.
func (v *values) readOther(s string, i int, m member) (int, Reason) {
	switch m {
	case memberTimestamp:
		return v.readTime(s, i)
	case memberAttributes:
		return v.readAttributes(s, i, 1)
	case memberFaulty:
		return v.readFaulty(s, i)
	}
	end, why := skip(s, i, 1)
	if why != 0 { // a member that is not read may be anything
		end, why = skipAny(s, i, 1)
	}
	return end, why
}

// readFaulty reads a boolean, or a number or a string that stands for one, or
// null when it is absent. What cannot be read counts as faulty.
func (v *values) readFaulty(s string, i int) (end int, why Reason) {
	if hasAt(s, i, "false") {
		v.readFaultyText("0")
		return i + len("false"), 0
	}
	if end, why = skipAny(s, i, 1); why != 0 {
		return end, why
	}
	switch text := s[i:end]; text[0] {
	case '"':
		v.readFaultyString(s, i+1)
	case 'n': // null
		v.readFaultyText("")
	case 't': // true
		v.readFaultyText(text)
	default:
		f, fEnd, why := number(s, i)
		switch {
		case why == 0 && fEnd == end && f == 0:
			text = "0"
		case why == 0 && fEnd == end && f == 1:
			text = "1"
		}
		v.readFaultyText(text)
	}
	return end, 0
}

// readFaultyString reads a boolean that is written as a string, from its first
// byte on.
func (v *values) readFaultyString(s string, i int) {
	var room [longestEscaped]byte
	end, text, _ := anyQuoted(s, i)
	if text {
		if s, text = unescaped(room[:0], s[i:end]); text {
			v.readFaultyText(s)
			return
		}
	}
	v.readFaultyText("?")
}

// readTime reads the timestamp: a string, a number, or null or an empty string
// when it is absent.
func (v *values) readTime(s string, i int) (int, Reason) {
	v.offset[memberTimestamp] = int32(i)
	if at(s, i) != '"' {
		if null(s, i) {
			v.timed = false
			return i + len("null"), 0
		}
		f, end, why := number(s, i)
		if why != 0 {
			return end, wrongType(s, i, why)
		}
		v.ts, v.timed = epochMs(f), true
		return end, 0
	}
	if ms, ok := usualTime(s, i+1); ok {
		v.ts, v.timed = ms, true
		return i + len(usualForm) + 2, 0
	}
	end, why := quoted(s, i+1)
	if why != 0 {
		return end, why
	}
	if end == i+1 {
		v.timed = false
		return end + 1, 0
	}
	var ok bool
	if v.ts, ok = timestampText(s[i+1 : end]); !ok {
		return i, ReasonTimestamp
	}
	v.timed = true
	return end + 1, 0
}
