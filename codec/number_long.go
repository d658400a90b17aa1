package codec

import (
	"math"
	"strconv"
	"strings"
)

// numberParts is a JSON number of any size, split but not yet converted.
type numberParts struct {
	mantissa string // the digits, with their point if there is one
	whole    int    // digits before the point
	exponent int    // 0 when there is none; beyond ±1e8 it is not exact
}

// scanNumber splits the number at i. It fails only where the grammar is broken, at
// end.
func scanNumber(s string, i int) (n numberParts, end int, ok bool) {
	if at(s, i) == '-' {
		i++
	}
	start := i
	i = skipDigits(s, i)
	if i == start || s[start] == '0' && i > start+1 {
		return n, start, false
	}
	n.whole = i - start
	if at(s, i) == '.' {
		point := i
		if i = skipDigits(s, i+1); i == point+1 {
			return n, i, false
		}
	}
	n.mantissa = s[start:i]
	if at(s, i)|0x20 != 'e' {
		return n, i, true
	}
	n.exponent, end, ok = readExponent(s, i+1)
	return n, end, ok
}

// readExponent reads an exponent after its letter.
func readExponent(s string, i int) (exponent, end int, ok bool) {
	sign := 1
	switch at(s, i) {
	case '-':
		sign = -1
		i++
	case '+':
		i++
	}
	end = skipDigits(s, i)
	ok = end > i
	for ; i < end; i++ {
		if exponent < 1e8 { // more digits would overflow an int
			exponent = exponent*10 + int(s[i]-'0')
		}
	}
	return sign * exponent, end, ok
}

// skipDigits returns where the digits at i end.
func skipDigits(s string, i int) int {
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}

// parseLongNumber is parseNumber for every length and exponent.
func parseLongNumber(s string, i int) (v float64, end int, reason Reason) {
	n, end, ok := scanNumber(s, i)
	if !ok {
		return 0, end, ReasonNumber
	}
	if v, ok := n.exact(); ok {
		return withSign(v, s[i]), end, 0
	}
	digits := strings.TrimLeft(n.mantissa, "0.")
	if digits == "" {
		return withSign(0, s[i]), end, 0
	}
	// The power of ten of the first digit that is not 0. strconv is not asked about
	// numbers beyond a float64, because its error would be allocated.
	leading := len(n.mantissa) - len(digits)
	power := n.exponent + n.whole - 1 - leading
	if leading > n.whole {
		power++ // the point is among the leading bytes
	}
	switch {
	case power < -400:
		return withSign(0, s[i]), end, 0
	case power > 308, power == 308 && overflows(digits):
		return 0, i, ReasonNumber
	}
	v, err := strconv.ParseFloat(s[i:end], 64)
	if err != nil { // a number of more than 90,000 digits
		return 0, i, ReasonNumber
	}
	return v, end, 0
}

// withSign returns v, negated if the first byte of its text is a minus sign.
func withSign(v float64, first byte) float64 {
	if first == '-' {
		return math.Copysign(v, -1)
	}
	return v
}

// exact converts the number if the mantissa without its point and the power of ten
// are both exact as float64: then one operation rounds correctly.
func (n *numberParts) exact() (v float64, ok bool) {
	exponent := n.exponent - max(len(n.mantissa)-n.whole-1, 0)
	if len(n.mantissa) > 19 || exponent <= -len(pow10) || exponent >= len(pow10) {
		return 0, false
	}
	m := uint64(0)
	for i := range len(n.mantissa) {
		if c := n.mantissa[i]; c != '.' {
			m = m*10 + uint64(c-'0')
		}
	}
	switch {
	case m > maxExact:
		return 0, false
	case exponent < 0:
		return float64(m) / pow10[-exponent], true
	}
	return float64(m) * pow10[exponent], true
}

// overflow is half way between the largest float64 and what would be the next
// one: 2^1024 - 2^970. From here on a number rounds to infinity.
const overflow = "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904174497792"

// overflows reports whether a number is at least overflow. Its first digit, which
// is not 0, stands for a multiple of 1e308.
func overflows(digits string) bool {
	n := 0 // digits compared
	for i := 0; i < len(digits) && n < len(overflow); i++ {
		c := digits[i]
		if c == '.' {
			continue
		}
		if c != overflow[n] {
			return c > overflow[n]
		}
		n++
	}
	return n == len(overflow) // otherwise zeros follow, and overflow ends with a 2
}
