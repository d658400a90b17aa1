package codec

import "math"

// pow10 has the powers of ten that a float64 holds exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// pow10Int has the powers of ten that shift a mantissa by up to eight digits.
var pow10Int = [...]uint64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// maxExact is the first integer whose successor is no float64.
const maxExact = 1 << 53

// parseNumber reads the JSON number at i and returns the float64 nearest to it.
// It fails with ReasonNumber: end is where the grammar is broken, or i if the
// number is beyond a float64.
//
// If the mantissa is below 2^53 and there are at most 22 decimals, the mantissa
// and the power of ten are exact as float64, and one division rounds correctly
// (Clinger 1990). Nearly all numbers of a device are like that, with up to seven
// digits on either side of the point. They are read without a branch on how many
// digits there are. parseLongNumber reads the others.
func parseNumber(s string, i int) (v float64, end int, reason Reason) {
	var w uint64
	if i+8 <= len(s) {
		w = load64(s, i)
	} else {
		w = lastWord(s, i)
	}
	minus := 0
	if byte(w) == '-' {
		minus = 1
	}
	w >>= 8 * uint(minus)
	n := digitRun(w)
	if n == 0 || n == 8 || n+minus == 8 || byte(w) == '0' && n > 1 {
		return parseLongNumber(s, i)
	}
	mantissa := digitValue(w, n)
	next := byte(w >> (8 * uint(n)))
	end = i + minus + n
	decimals := 0
	if next == '.' {
		if end+9 <= len(s) {
			w = load64(s, end+1)
		} else {
			w = lastWord(s, end+1)
		}
		decimals = digitRun(w)
		if decimals == 0 || decimals == 8 {
			return parseLongNumber(s, i)
		}
		mantissa = mantissa*pow10Int[decimals] + digitValue(w, decimals)
		next = byte(w >> (8 * uint(decimals)))
		end += 1 + decimals
	}
	if next|0x20 == 'e' {
		return parseLongNumber(s, i)
	}
	bits := math.Float64bits(float64(int64(mantissa)) / pow10[decimals])
	return math.Float64frombits(bits | uint64(minus)<<63), end, 0
}

// parseWholeNumber is parseNumber for a text that must be nothing but the number.
func parseWholeNumber(s string) (v float64, end int, reason Reason) {
	if len(s) <= 8 {
		if v, ok := parseShortNumber(s); ok {
			return v, len(s), 0
		}
	}
	if v, end, reason = parseNumber(s, 0); reason == 0 && end != len(s) {
		reason = ReasonNumber
	}
	return v, end, reason
}

// parseShortNumber is parseWholeNumber for the usual texts of at most eight bytes.
// It takes the point out and reads the digits on both sides as one integer.
// Whether there is a point, and where, is computed without branches, because a
// processor could not predict them.
func parseShortNumber(s string) (v float64, ok bool) {
	w := shortWord(s)
	x := w ^ zeros // digits are 0-9 now
	whole := first(nonDigits(x))
	point := 0
	if byte(w>>(8*uint(whole))) == '.' {
		point = 1
	}
	before := uint64(1)<<(8*uint(whole)) - 1 | (uint64(point) - 1) // mask of the bytes that are not after a point
	x = x&before | x>>8&^before
	digits := len(s) - point
	decimals := digits - whole
	x <<= uint(64-8*digits) & 63
	if whole == 0 || decimals < point || nonDigits(x) != 0 || s[0] == '0' && whole > 1 {
		return 0, false
	}
	return float64(int64(eightDigits(x))) / pow10[decimals], true
}

// skipNumber is parseNumber without the value.
func skipNumber(s string, i int) (end int, reason Reason) {
	end = i
	if end+10 <= len(s) {
		if s[end] == '-' {
			end++
		}
		n := digitRun(load64(s, end))
		if n > 0 && n < 8 && (n == 1 || s[end] != '0') {
			end += n
			if c := s[end]; c != '.' && c|0x20 != 'e' {
				return end, 0
			}
		}
	}
	_, end, reason = parseNumber(s, i)
	return end, reason
}
