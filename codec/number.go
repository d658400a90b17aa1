package codec

// tens are the powers of ten that a float64 holds exactly.
var tens = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// intTens are the powers of ten by which a run of up to eight digits shifts.
var intTens = [...]uint64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// maxExact is the first integer whose successor is no float64.
const maxExact = 1 << 53

// number reads the JSON number at i and returns the float64 nearest to it. On
// failure end is where the grammar is broken, or i when the number is beyond
// a float64; the Reason is ReasonNumber.
//
// With a mantissa below 2^53 and at most 22 decimals both are exact as
// float64, and one division rounds correctly (Clinger 1990). Nearly all
// numbers of a device are like that; the others go to longNumber.
func number(s string, i int) (v float64, end int, why Reason) {
	start := i
	negative := at(s, i) == '-'
	if negative {
		i++
	}
	whole := i
	mantissa := uint64(0)
	for i < len(s) && s[i]-'0' <= 9 {
		mantissa = mantissa*10 + uint64(s[i]-'0')
		i++
	}
	if i == whole || s[whole] == '0' && i > whole+1 {
		return 0, whole, ReasonNumber
	}
	decimals := 0
	if at(s, i) == '.' {
		point := i
		i++
		if i+8 <= len(s) {
			w := load64(s, i)
			if n := digitRun(w); n > 0 {
				mantissa = mantissa*intTens[n] + digitValue(w, n)
				i += n
			}
		}
		for i < len(s) && s[i]-'0' <= 9 {
			mantissa = mantissa*10 + uint64(s[i]-'0')
			i++
		}
		decimals = i - point - 1
		if decimals == 0 {
			return 0, i, ReasonNumber
		}
	}
	// With 19 digits and a point at most, the mantissa has not overflowed.
	if i-whole > 20 || mantissa > maxExact || decimals >= len(tens) || at(s, i)|0x20 == 'e' {
		return longNumber(s, start)
	}
	v = float64(mantissa)
	if decimals > 0 {
		v /= tens[decimals]
	}
	if negative {
		v = -v
	}
	return v, i, 0
}

// skipNumber checks the JSON number at i like number, without its value.
func skipNumber(s string, i int) (end int, why Reason) {
	_, end, why = number(s, i)
	return end, why
}
