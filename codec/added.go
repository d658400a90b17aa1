package codec

import "strings"

// The functions of this file tell what a record adds to another one of the
// same device, time and place: attributes whose names are new. Names are
// compared as the text that they stand for, whatever their spelling. Where one
// object has a name several times, its last value counts. The texts must have
// been checked by a decoder. All are safe for concurrent use.

// AppendAdded appends the body of a position that is shown already, with what p
// adds to it: body, an object that AppendBody or AppendAdded has written, and the
// attributes of p whose names it does not have. It returns true then. If p is at
// another place or adds nothing, it returns false and leaves dst unchanged. The caller
// compares the device and the time, and checks the size of the result, which can be as
// long as both together. dst and
// body must not overlap. It allocates only to grow dst, and for long attributes
// as AddedAttributes does.
func AppendAdded(dst, body []byte, p *Position) ([]byte, bool) {
	if p.Attributes == "" {
		return dst, false
	}
	s := alias(body)
	lat, lon, have, ok := bodyParts(s)
	if !ok || lat != p.Lat || lon != p.Lon || have == p.Attributes {
		return dst, false
	}
	mark := len(dst)
	dst = append(dst, s[:len(s)-len(have)-1]...)
	if have == "" {
		dst = append(dst, `,"attributes":`...)
	}
	dst, ok = appendMerged(dst, have, p.Attributes)
	if !ok {
		return dst[:mark], false
	}
	return append(dst, '}'), true
}

// AddedAttributes appends the JSON object of those members of from whose names
// have does not have, each as it is spelled, in their order. It appends nothing
// when there are none. It allocates only to grow dst, and where the two texts
// are so long that comparing all names with all would take too much time.
func AddedAttributes(dst []byte, have, from Attributes) []byte {
	var last map[string]int
	if (len(have)+len(from))*len(from) > compareAll {
		last = lastPlaces(have, from)
	}
	opening := byte('{')
	for m := membersOf(from); ; {
		at := m.i
		name, whole, ok := m.next()
		if !ok {
			break
		}
		if last != nil {
			if last[unquoted(name)] != at {
				continue
			}
		} else if m.has(name) || membersOf(have).has(name) {
			continue
		}
		dst = append(dst, opening)
		dst = append(dst, whole...)
		opening = ','
	}
	if opening == ',' {
		dst = append(dst, '}')
	}
	return dst
}

// MergeAttributes appends the JSON object that has all members of a and those
// of b whose names a does not have. It appends nothing when both are "". It
// allocates as AddedAttributes does.
func MergeAttributes(dst []byte, a, b Attributes) []byte {
	dst, _ = appendMerged(dst, a, b)
	return dst
}

// compareAll bounds the product of two lengths, in bytes, up to which names are
// compared without a table.
const compareAll = 1 << 18

// lastPlaces returns where the last member of each name begins in from, of the
// names that have does not have.
func lastPlaces(have, from Attributes) map[string]int {
	places := map[string]int{}
	for m := membersOf(from); ; {
		at := m.i
		name, _, ok := m.next()
		if !ok {
			break
		}
		places[unquoted(name)] = at
	}
	for m := membersOf(have); ; {
		name, _, ok := m.next()
		if !ok {
			return places
		}
		delete(places, unquoted(name))
	}
}

// appendMerged is MergeAttributes; added reports whether b has names that a
// does not have.
func appendMerged(dst []byte, a, b Attributes) (_ []byte, added bool) {
	first := membersOf(a)
	if _, _, ok := first.next(); !ok { // no members to go before those of b
		mark := len(dst)
		if dst = AddedAttributes(dst, "", b); len(dst) > mark {
			return dst, true
		}
		if a == "" {
			a = b
		}
		return append(dst, a...), false
	}
	end := strings.LastIndexByte(string(a), '}')
	if end < 0 { // not checked by a decoder
		return append(dst, a...), false
	}
	dst = append(dst, a[:end]...)
	mark := len(dst)
	if dst = AddedAttributes(dst, a, b); len(dst) == mark {
		return append(dst, '}'), false
	}
	dst[mark] = ',' // in place of the brace
	return dst, true
}

// bodyParts reads what AppendBody has written: the place and the attributes, ""
// when there are none.
func bodyParts(s string) (lat, lon float64, attributes Attributes, ok bool) {
	const device = `{"deviceId":"`
	if !hasAt(s, 0, device) {
		return 0, 0, "", false
	}
	i, why := quoted(s, len(device))
	if why != 0 {
		return 0, 0, "", false
	}
	if _, i, ok = bodyNumber(s, i+1, `,"ts":`); !ok {
		return 0, 0, "", false
	}
	if lat, i, ok = bodyNumber(s, i, `,"lat":`); !ok {
		return 0, 0, "", false
	}
	if lon, i, ok = bodyNumber(s, i, `,"lon":`); !ok {
		return 0, 0, "", false
	}
	const last = `,"attributes":`
	for !hasAt(s, i, last) {
		if at(s, i) != ',' {
			return lat, lon, "", i == len(s)-1
		}
		if _, i, why = nameAt(s, i+1); why != 0 {
			return 0, 0, "", false
		}
		if i, why = skip(s, i, 1); why != 0 {
			return 0, 0, "", false
		}
	}
	if i += len(last); i >= len(s)-1 {
		return 0, 0, "", false
	}
	return lat, lon, Attributes(s[i : len(s)-1]), true
}

// bodyNumber reads a member of a body, of which the text up to its value is
// known.
func bodyNumber(s string, i int, member string) (v float64, end int, ok bool) {
	if !hasAt(s, i, member) {
		return 0, i, false
	}
	v, end, why := number(s, i+len(member))
	return v, end, why == 0
}
