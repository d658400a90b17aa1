package codec

import (
	"math"
	"strconv"
)

// digitsOf gives the significant digits of a JSON number one by one.
type digitsOf struct {
	s  string
	at int
}

// next returns the next digit, ok is false after the last one.
func (d *digitsOf) next() (digit byte, ok bool) {
	for d.at < len(d.s) && d.s[d.at] == '.' {
		d.at++
	}
	if d.at == len(d.s) || d.s[d.at]-'0' > 9 {
		return 0, false
	}
	d.at++
	return d.s[d.at-1], true
}

// longNumber is number for every length and exponent.
func longNumber(s string, i int) (v float64, end int, why Reason) {
	start := i
	if at(s, i) == '-' {
		i++
	}
	whole := i
	i = digits(s, i)
	if i == whole || s[whole] == '0' && i > whole+1 {
		return 0, whole, ReasonNumber
	}
	point := i
	if at(s, i) == '.' {
		if i = digits(s, i+1); i == point+1 {
			return 0, i, ReasonNumber
		}
	}
	mantissa, decimals := s[whole:i], max(i-point-1, 0)
	exponent := 0
	if at(s, i)|0x20 == 'e' {
		if exponent, i = exponentAt(s, i+1); i < 0 {
			return 0, -i, ReasonNumber
		}
	}
	if v, ok := exact(mantissa, exponent-decimals); ok {
		return signed(v, s[start]), i, 0
	}
	lead := significant(mantissa)
	if lead == len(mantissa) {
		return signed(0, s[start]), i, 0
	}
	// The power of ten of the first significant digit.
	power := exponent + point - whole - 1 - lead
	if lead > point-whole {
		power++ // the point stood in between
	}
	switch {
	case power < -400:
		return signed(0, s[start]), i, 0
	case power > 308, power == 308 && beyond(digitsOf{mantissa, lead}):
		return 0, start, ReasonNumber
	}
	v, err := strconv.ParseFloat(s[start:i], 64)
	if err != nil { // of a number of more than 90,000 digits
		return 0, start, ReasonNumber
	}
	return v, i, 0
}

// signed returns v, negated if the first byte of its text says so.
func signed(v float64, first byte) float64 {
	if first == '-' {
		return math.Copysign(v, -1)
	}
	return v
}

// exact returns mantissa, its point taken out, times a power of ten, if both
// are exact as float64.
func exact(mantissa string, exponent int) (v float64, ok bool) {
	if len(mantissa) > 19 || exponent <= -len(tens) || exponent >= len(tens) {
		return 0, false
	}
	n := uint64(0)
	for i := range len(mantissa) {
		if c := mantissa[i]; c != '.' {
			n = n*10 + uint64(c-'0')
		}
	}
	switch {
	case n > maxExact:
		return 0, false
	case exponent < 0:
		return float64(n) / tens[-exponent], true
	}
	return float64(n) * tens[exponent], true
}

// digits returns where the digits at i end.
func digits(s string, i int) int {
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}

// significant returns the index of the first digit that is not 0.
func significant(mantissa string) int {
	for i := range len(mantissa) {
		if c := mantissa[i]; c != '0' && c != '.' {
			return i
		}
	}
	return len(mantissa)
}

// exponentAt reads an exponent after its letter, held to what an int takes. A
// broken one makes end the negative of where it breaks.
func exponentAt(s string, i int) (exponent, end int) {
	sign := 1
	switch at(s, i) {
	case '-':
		sign = -1
		i++
	case '+':
		i++
	}
	end = digits(s, i)
	if end == i {
		return 0, -i
	}
	for ; i < end; i++ {
		if exponent < 1e8 {
			exponent = exponent*10 + int(s[i]-'0')
		}
	}
	return sign * exponent, end
}

// tooLarge is half way between the largest float64 and what would be the next
// one: 2^1024 - 2^970. From here on a number rounds to infinity.
const tooLarge = "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904174497792"

// beyond reports whether a number whose first digit stands for 1e308 is at
// least tooLarge.
func beyond(d digitsOf) bool {
	for i := range len(tooLarge) {
		c, ok := d.next()
		if !ok {
			c = '0'
		}
		if c != tooLarge[i] {
			return c > tooLarge[i]
		}
	}
	return true
}
