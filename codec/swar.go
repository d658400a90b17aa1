package codec

import "math/bits"

// The functions of this file process eight bytes of text at a time, as one word
// (SIMD within a register). The first byte of the text is the lowest byte of the
// word. A function that marks bytes sets the top bit of each. Only the first mark is
// exact: a borrow or a carry can set more marks after it.

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones // the top bit of each byte
	zeros = '0' * ones
)

// load64 returns s[i:i+8] as a word. The compiler turns it into one load.
func load64(s string, i int) uint64 {
	t := s[i : i+8]
	return uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
		uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
}

// lastWord returns the bytes of s from i to its end, at most eight, as a word with
// zeros after them.
func lastWord(s string, i int) uint64 {
	n := len(s) - i
	if len(s) >= 8 {
		return load64(s, len(s)-8) >> uint(64-8*n)
	}
	return shortWord(s[i:])
}

// rest is a mask of the bytes that lastWord takes from s, fewer than eight.
func rest(s string, i int) uint64 { return 1<<(8*uint(len(s)-i)) - 1 }

// shortWord returns s, at most eight bytes, as a word with zeros after it.
func shortWord(s string) uint64 {
	n := len(s)
	switch {
	case n >= 4: // the first four and the last four bytes, which may overlap
		return load32(s, 0) | load32(s, n-4)<<uint(8*n-32)
	case n > 0: // the first, the middle and the last byte, which may be the same
		return uint64(s[0]) | uint64(s[n/2])<<uint(n/2*8) | uint64(s[n-1])<<uint(n*8-8)
	}
	return 0
}

// load32 returns s[i:i+4] in the lower half of a word.
func load32(s string, i int) uint64 {
	t := s[i : i+4]
	return uint64(uint32(t[0]) | uint32(t[1])<<8 | uint32(t[2])<<16 | uint32(t[3])<<24)
}

// special marks the bytes of w that are not plain in a JSON string: a quote, a
// backslash, control characters, everything that is not ASCII.
func special(w uint64) uint64 {
	quote := w ^ '"'*ones
	slash := w ^ '\\'*ones
	return (w | (quote - ones) | (slash - ones) | (w - ' '*ones)) & highs
}

// unprintable marks the bytes of w outside 0x20-0x7e.
func unprintable(w uint64) uint64 {
	return (w | (w + ones) | (w - ' '*ones)) & highs
}

// first returns the index of the first marked byte, 8 if there is none.
func first(marks uint64) int { return bits.TrailingZeros64(marks) >> 3 }

// nonDigits marks the bytes of x that are not 0 to 9. x is a word of text xor zeros,
// which turns digits into their values.
func nonDigits(x uint64) uint64 { return (x | (x + 0x76*ones)) & highs }

// digitRun returns how many decimal digits w begins with.
func digitRun(w uint64) int { return first(nonDigits(w ^ zeros)) }

// digitValue returns the value of the first n digits of w, 1 <= n <= 8.
func digitValue(w uint64, n int) uint64 {
	return eightDigits((w ^ zeros) << (uint(64-8*n) & 63))
}

// eightDigits returns the value of eight digits 0-9 (not text), the first one in the
// lowest byte.
func eightDigits(x uint64) uint64 {
	x = x*10 + x>>8 // values of pairs, in every second byte
	return ((x&0x000000ff000000ff)*(100+1000000<<32) + (x>>16&0x000000ff000000ff)*(1+10000<<32)) >> 32
}

// digitBytes returns the 8 decimal digits of v < 1e8 as a word of values 0-9,
// the most significant first.
func digitBytes(v uint64) uint64 {
	x := v/10000 | v%10000<<32
	q := x * 10486 >> 20 & 0x0000007f0000007f // /100 in each half
	x = q | (x-100*q)<<16
	q = x * 103 >> 10 & 0x000f000f000f000f // /10 in each quarter
	return q | (x-10*q)<<8
}

// digitBytes4 is digitBytes for the 4 digits of v < 1e4.
func digitBytes4(v uint64) uint32 {
	q := uint32(v) * 10486 >> 20
	x := q | (uint32(v)-100*q)<<16
	q = x * 103 >> 10 & 0x000f000f
	return q | (x-10*q)<<8
}
