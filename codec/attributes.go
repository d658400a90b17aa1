package codec

import (
	"encoding/base64"
	"iter"
	"math/big"
	"strconv"
)

// Attributes is the text of a JSON object as it came in, checked by the decoder
// and otherwise untouched; "" means that there are none. Its values are any
// JSON: null, booleans, numbers, strings, lists and objects. Two forms of objects
// have a kind of their own: {"__bigint":"…"} is an integer of any size, in decimal
// digits with an optional minus sign, and {"__buffer_b64":"…"} is bytes, in padded
// base64 of the standard alphabet.
type Attributes string

// All iterates over the attributes in their order. A name that occurs twice is
// yielded twice; its last value counts. It allocates only for names with
// escapes. Text that no decoder has checked ends the walk at its first fault.
func (a Attributes) All() iter.Seq2[string, AttributeValue] {
	return func(yield func(string, AttributeValue) bool) {
		s := string(a)
		i := space(s, 0)
		if at(s, i) != '{' {
			return
		}
		i = space(s, i+1)
		for closed := false; !closed; {
			nameEnd, value, why := nameAt(s, i)
			if why != 0 {
				return
			}
			kind, end, why := attributeValue(s, value, 1)
			if why != 0 || !yield(unquoted(s[i+1:nameEnd]), AttributeValue{kind, s[value:end]}) {
				return
			}
			if i, closed, why = separator(s, end, '}'); why != 0 {
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
	AttributeObject // any but the forms of AttributeBigInt and AttributeBuffer
)

// AttributeValue is the value of one attribute. It aliases the text of its
// Attributes. The methods named after a kind give the value of that kind, and
// false for any other.
type AttributeValue struct {
	kind AttributeKind
	text string // as it is spelled in the object
}

// Kind says which of the methods below applies; 0 for the zero AttributeValue. Null,
// lists and objects have JSON only.
func (v AttributeValue) Kind() AttributeKind { return v.kind }

// JSON returns the value of any kind as it is spelled in the object.
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
	return unquoted(v.text[1 : len(v.text)-1]), true
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

// inner returns the string of a tagged form.
func (v AttributeValue) inner() string {
	_, value, _ := nameAt(v.text, space(v.text, 1))
	end, _ := quoted(v.text, value+1)
	return unquoted(v.text[value+1 : end])
}
