package codec

// readPayload reads the JSON of shape A. A fault is told with the member and
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
				end, fault = v.nullNumber(s, i, end, m, fault)
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
		// The usual comma, without white space behind it.
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

// finish checks that nothing but white space stands behind the object.
func (v *values) finish(s string, i int) Reason {
	if i != len(s) && space(s, i) != len(s) {
		return ReasonJSON
	}
	return 0
}

// nullNumber reads a member that should be a number, but is not: null when it
// is absent, otherwise the fault that was found at end.
func (v *values) nullNumber(s string, i, end int, m member, why Reason) (int, Reason) {
	if !null(s, i) {
		return end, wrongType(s, i, why)
	}
	v.number[m] = 0
	v.has &^= 1 << m
	return i + len("null"), 0
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
		if null(s, i) {
			v.attributes = ""
			return i + len("null"), 0
		}
		end, why := attributes(s, i)
		if why == 0 {
			v.attributes = Attributes(s[i:end])
		}
		return end, why
	case memberFaulty:
		return v.readFaulty(s, i)
	}
	return skip(s, i, 1)
}

func (v *values) readFaulty(s string, i int) (int, Reason) {
	switch {
	case hasAt(s, i, "false"):
		v.faulty = false
		return i + len("false"), 0
	case hasAt(s, i, "true"):
		v.faulty = true
		return i + len("true"), 0
	case null(s, i):
		v.faulty = false
		return i + len("null"), 0
	}
	return i, ReasonType
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
