package codec

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// appendFloat appends the shortest decimal text that reads back as v.
//
// Coordinates have at most seven decimals, so v is usually n/1e7 for an integer n of
// at most 15 digits. Two different decimal numbers of at most 15 digits are never the
// same float64. So if n/1e7, correctly rounded, is v, then the digits of n without
// trailing zeros are the shortest text.
func appendFloat(dst []byte, v float64) []byte {
	a := math.Abs(v)
	if !(a < 1e8) {
		return appendAnyFloat(dst, v)
	}
	n := uint64(int64(a*1e7 + 0.5))
	if float64(int64(n))/1e7 != a || n-1 < 9 { // below 1e-6 an exponent is shorter
		return appendAnyFloat(dst, v)
	}
	if math.Signbit(v) {
		dst = append(dst, '-')
	}
	whole := n / 1e7
	decimals := n - whole*1e7
	if whole < 10000 {
		x := digitBytes4(whole)
		skip := bits.TrailingZeros32(x|1<<24) &^ 7
		end := len(dst) + 4 - skip>>3
		dst = binary.LittleEndian.AppendUint32(dst, (x|zeros&math.MaxUint32)>>skip)[:end]
	} else {
		dst = append8(dst, whole)
	}
	if decimals == 0 {
		return dst
	}
	x := digitBytes(decimals * 10)
	end := len(dst) + 9 - bits.LeadingZeros64(x)>>3
	dst = append(dst, '.')
	return binary.LittleEndian.AppendUint64(dst, x|zeros)[:end]
}

// appendAnyFloat is appendFloat for every number, in the form of encoding/json and
// JavaScript.
func appendAnyFloat(dst []byte, v float64) []byte {
	a := math.Abs(v)
	switch {
	case !(a <= math.MaxFloat64):
		return append(dst, "null"...)
	case a >= 1e-6 && a < 1e21:
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	if n := len(dst); dst[n-4] == 'e' && dst[n-2] == '0' { // e-07 becomes e-7
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// appendInt appends v in decimal.
func appendInt(dst []byte, v int64) []byte {
	if v < 0 || v >= 1e16 {
		return strconv.AppendInt(dst, v, 10)
	}
	u := uint64(v)
	if u < 1e8 {
		return append8(dst, u)
	}
	dst = append8(dst, u/1e8)
	return binary.LittleEndian.AppendUint64(dst, digitBytes(u%1e8)|zeros)
}

// append8 appends v < 1e8 in decimal.
func append8(dst []byte, v uint64) []byte {
	x := digitBytes(v)
	skip := bits.TrailingZeros64(x|1<<56) &^ 7 // leading zeros, but for the last digit
	end := len(dst) + 8 - skip>>3
	return binary.LittleEndian.AppendUint64(dst, (x|zeros)>>skip)[:end]
}
