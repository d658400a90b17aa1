package codec

// members iterates over the members of an object that a decoder has checked. Text
// that no decoder has checked ends the iteration at its first fault.
type members struct {
	s string
	i int // where the next member begins; -1 after the last one
}

// jsonMember is one member of an object, as it is spelled there.
type jsonMember struct {
	name  string // inside its quotes
	value string
	text  string // from the name's opening quote to the end of the value
}

// membersOf returns an iteration over the members of the object s.
func membersOf(s string) members {
	i := skipSpace(s, 0)
	if at(s, i) != '{' {
		return members{s, -1}
	}
	return members{s, skipSpace(s, i+1)}
}

// next returns the next member; ok is false after the last one.
func (m *members) next() (x jsonMember, ok bool) {
	if m.i < 0 {
		return x, false
	}
	nameEnd, start, reason := readName(m.s, m.i)
	if reason != 0 {
		return x, false
	}
	// The body of a position is one level around attributes, which may be nested as
	// deep as allowed, so the object itself is not counted.
	end, reason := skipValue(m.s, start, 0)
	if reason != 0 {
		return x, false
	}
	x = jsonMember{name: m.s[m.i+1 : nameEnd], value: m.s[start:end], text: m.s[m.i:end]}
	next, closed, reason := readSeparator(m.s, end, '}')
	if m.i = next; closed || reason != 0 {
		m.i = -1
	}
	return x, true
}

// has reports whether one of the members still to come has this name, in any
// spelling.
func (m members) has(name string) bool {
	for {
		x, ok := m.next()
		if !ok {
			return false
		}
		if sameText(x.name, name) {
			return true
		}
	}
}
