package codec

import "strings"

// members walks over the members of an object that a decoder has checked. Text
// that no decoder has checked ends the walk at its first fault.
type members struct {
	s string
	i int // where the next member begins; -1 after the last one
}

// membersOf returns a walk over the members of a.
func membersOf(a Attributes) members {
	s := string(a)
	i := space(s, 0)
	if at(s, i) != '{' {
		return members{s, -1}
	}
	return members{s, space(s, i+1)}
}

// next returns the next member: the inside of its name as it is spelled, and
// the whole of it, from the name's quote to the end of the value.
func (m *members) next() (name, whole string, ok bool) {
	if m.i < 0 {
		return "", "", false
	}
	nameEnd, value, why := nameAt(m.s, m.i)
	if why != 0 {
		return "", "", false
	}
	end, why := skip(m.s, value, 1)
	if why != 0 {
		return "", "", false
	}
	name, whole = m.s[m.i+1:nameEnd], m.s[m.i:end]
	next, closed, why := separator(m.s, end, '}')
	if m.i = next; closed || why != 0 {
		m.i = -1
	}
	return name, whole, true
}

// has reports whether one of the members still to come has this name, in any
// spelling.
func (m members) has(name string) bool {
	for {
		other, _, ok := m.next()
		if !ok {
			return false
		}
		if sameName(other, name) {
			return true
		}
	}
}

// sameName reports whether the insides of two checked JSON strings stand for
// the same text.
func sameName(a, b string) bool {
	if a == b {
		return true
	}
	if strings.IndexByte(a, '\\') < 0 && strings.IndexByte(b, '\\') < 0 {
		return false
	}
	for a != "" && b != "" {
		r, n := character(a, 0)
		q, m := character(b, 0)
		if r != q {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return a == b
}
