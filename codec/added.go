package codec

import (
	"math"
	"strings"
)

// The functions of this file find what a record adds to an earlier one of the same
// device, time and place: attributes whose names are new. Names are compared as
// the text that they stand for, however they are spelled. If a name occurs several
// times in one object, its last value counts. All texts must have been checked by
// a decoder. All functions are safe for concurrent use.

// AppendAdded appends body together with what p adds to it: the attributes of p
// whose names it does not have. body is the body of a position that is shown
// already, as AppendBody or AppendAdded has written it. If p is at another place
// or adds nothing, AppendAdded returns false and leaves dst unchanged.
//
// The caller compares the device and the time. It also bounds the result, which can
// be as long as body and the attributes of p together. dst and body must not
// overlap. AppendAdded allocates only to grow dst, and for long attributes as
// AddedAttributes does.
func AppendAdded(dst, body []byte, p *Position) ([]byte, bool) {
	if p.Attributes == "" {
		return dst, false
	}
	s := alias(body)
	lat, lon, have := bodyParts(s)
	if lat != p.Lat || lon != p.Lon || have == p.Attributes {
		return dst, false
	}
	mark := len(dst)
	dst = append(dst, s[:len(s)-len(have)-1]...)
	if have == "" {
		dst = append(dst, `,"attributes":`...)
	}
	dst, added := appendMerged(dst, have, p.Attributes)
	if !added {
		return dst[:mark], false
	}
	return append(dst, '}'), true
}

// bodyParts reads the place and the attributes from what AppendBody has written. A
// place that is null or missing is NaN, which is equal to no other.
func bodyParts(body string) (lat, lon float64, attributes Attributes) {
	lat, lon = math.NaN(), math.NaN()
	for m := membersOf(body); ; {
		x, ok := m.next()
		if !ok {
			return lat, lon, attributes
		}
		v, _, reason := parseWholeNumber(x.value)
		switch {
		case x.name == "attributes":
			attributes = Attributes(x.value)
		case reason != 0:
		case x.name == "lat":
			lat = v
		case x.name == "lon":
			lon = v
		}
	}
}

// AddedAttributes appends a JSON object of those members of from whose names have
// does not have, in their order and as they are spelled. If there are none, it
// appends nothing. It allocates only to grow dst and, for long texts, a table of
// names: comparing each name with all others would take too much time.
func AddedAttributes(dst []byte, have, from Attributes) []byte {
	var last map[string]int
	if (len(have)+len(from))*len(from) > maxPairwise {
		last = lastOffsets(have, from)
	}
	opening := byte('{')
	for m := membersOf(string(from)); ; {
		start := m.i
		x, ok := m.next()
		if !ok {
			break
		}
		if last != nil {
			if last[unescape(x.name)] != start {
				continue
			}
		} else if m.has(x.name) || membersOf(string(have)).has(x.name) {
			continue
		}
		dst = append(dst, opening)
		dst = append(dst, x.text...)
		opening = ','
	}
	if opening == ',' {
		dst = append(dst, '}')
	}
	return dst
}

// MergeAttributes appends a JSON object of all members of a and those members of b
// whose names a does not have. If both are "", it appends nothing. It allocates as
// AddedAttributes does.
func MergeAttributes(dst []byte, a, b Attributes) []byte {
	dst, _ = appendMerged(dst, a, b)
	return dst
}

// maxPairwise bounds the work of comparing names pair by pair: the product of two
// lengths in bytes. Beyond it a table is built.
const maxPairwise = 1 << 18

// lastOffsets returns the names that from has and have does not have, with the
// offset in from of the last member of that name.
func lastOffsets(have, from Attributes) map[string]int {
	offsets := map[string]int{}
	for m := membersOf(string(from)); ; {
		start := m.i
		x, ok := m.next()
		if !ok {
			break
		}
		offsets[unescape(x.name)] = start
	}
	for m := membersOf(string(have)); ; {
		x, ok := m.next()
		if !ok {
			return offsets
		}
		delete(offsets, unescape(x.name))
	}
}

// appendMerged is MergeAttributes; added reports whether b has names that a does
// not have.
func appendMerged(dst []byte, a, b Attributes) (_ []byte, added bool) {
	first := membersOf(string(a))
	if _, ok := first.next(); !ok { // no members before those of b
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
	if end < 0 { // no decoder has checked it
		return append(dst, a...), false
	}
	dst = append(dst, a[:end]...)
	mark := len(dst)
	if dst = AddedAttributes(dst, a, b); len(dst) == mark {
		return append(dst, '}'), false
	}
	dst[mark] = ',' // instead of the opening brace
	return dst, true
}
