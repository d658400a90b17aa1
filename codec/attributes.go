package codec

import (
	"encoding/base64"
	"iter"
	"math/big"
	"strconv"
)

// Attributes is the text of a JSON object as it came in, checked by the decoder
// and otherwise unchanged; "" means that there are none. The values are any JSON:
// null, booleans, numbers, strings, lists and objects. Two forms of objects have a
// kind of their own: {"__bigint":"…"} is an integer of any size, in decimal digits
// with an optional minus sign, and {"__buffer_b64":"…"} is bytes, in padded base64
// of the standard alphabet.
type Attributes string

// All iterates over the attributes in their order. A name that occurs twice is
// yielded twice; its last value counts. It allocates only for names with escapes.
// Text that no decoder has checked ends the iteration at its first fault.
func (a Attributes) All() iter.Seq2[string, AttributeValue] {
	return func(yield func(string, AttributeValue) bool) {
		for m := membersOf(string(a)); ; {
			x, ok := m.next()
			if !ok {
				return
			}
			kind, _, reason := attributeValue(x.value, 0, 1)
			if reason != 0 || !yield(unescape(x.name), AttributeValue{kind, x.value}) {
				return
			}
		}
	}
}

// AttributeKind is the kind of an attribute's value.
type AttributeKind uint8

// The kinds of values that attributes have.
const (
	AttributeNumber AttributeKind = iota + 1
	AttributeString
	AttributeBool
	AttributeBigInt
	AttributeBuffer
	AttributeNull
	AttributeList
	AttributeObject // not of the form of AttributeBigInt or AttributeBuffer
)

// AttributeValue is the value of one attribute. It aliases the text of its
// Attributes. The methods named after a kind return the value if it is of that
// kind, and false otherwise.
type AttributeValue struct {
	kind AttributeKind
	text string // as it is spelled in the object
}

// Kind says which of the methods below applies. It is 0 for the zero
// AttributeValue. For null, lists and objects only JSON applies.
func (v AttributeValue) Kind() AttributeKind { return v.kind }

// JSON returns a value of any kind as it is spelled in the object.
func (v AttributeValue) JSON() string { return v.text }

// Number returns the number.
func (v AttributeValue) Number() (float64, bool) {
	if v.kind != AttributeNumber {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.text, 64)
	return f, err == nil
}

// Text returns the string without its escapes. It allocates only if there are
// any.
func (v AttributeValue) Text() (string, bool) {
	if v.kind != AttributeString {
		return "", false
	}
	return unescape(v.text[1 : len(v.text)-1]), true
}

// Bool returns the boolean.
func (v AttributeValue) Bool() (value, ok bool) {
	return v.kind == AttributeBool && v.text == "true", v.kind == AttributeBool
}

// BigInt returns a new integer of any size.
func (v AttributeValue) BigInt() (*big.Int, bool) {
	if v.kind != AttributeBigInt {
		return nil, false
	}
	return new(big.Int).SetString(v.inner(), 10)
}

// Buffer returns the bytes, decoded into new memory.
func (v AttributeValue) Buffer() ([]byte, bool) {
	if v.kind != AttributeBuffer {
		return nil, false
	}
	b, err := base64.StdEncoding.DecodeString(v.inner())
	return b, err == nil
}

// inner returns the string in a tagged object.
func (v AttributeValue) inner() string {
	m := membersOf(v.text)
	tagged, _ := m.next()
	return unescape(tagged.value[1 : len(tagged.value)-1])
}
