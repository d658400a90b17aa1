package spectators

import (
	"bytes"
	"encoding/binary"
)

// number reads the decimal number at the beginning of b.
func number(b []byte) (v int64, digits int) {
	for digits < len(b) && b[digits]-'0' <= 9 {
		v = v*10 + int64(b[digits]-'0')
		digits++
	}
	return v, digits
}

// numberBefore reads the decimal number at the end of b, and returns where it
// begins.
func numberBefore(b []byte) (v int64, begin int) {
	begin = len(b)
	for scale := int64(1); begin > 0 && b[begin-1]-'0' <= 9; scale *= 10 {
		begin--
		v += scale * int64(b[begin]-'0')
	}
	return v, begin
}

// timeDigits is the number of digits of µs since the Unix epoch until the year 2286.
const timeDigits = 16

// timeBefore is numberBefore, faster for numbers of timeDigits digits.
func timeBefore(b []byte) (v int64, begin int) {
	if begin = len(b) - timeDigits; begin > 0 && b[begin-1]-'0' > 9 {
		high, okHigh := eightDigits(b[begin:])
		low, okLow := eightDigits(b[begin+8:])
		if okHigh && okLow {
			return high*1e8 + low, begin
		}
	}
	return numberBefore(b)
}

// eightDigits reads the first eight bytes of b as a number, all at once: it combines
// neighbours to pairs of digits, then to groups of four, then to eight.
func eightDigits(b []byte) (v int64, ok bool) {
	const each = 0x0101010101010101
	x := binary.LittleEndian.Uint64(b) - '0'*each
	if (x|(x+(0x7f-9)*each))&(0x80*each) != 0 {
		return 0, false
	}
	x = (x*10 + x>>8) & 0x00ff00ff00ff00ff
	x = (x*100 + x>>16) & 0x0000ffff0000ffff
	return int64((x*10000 + x>>32) & 0xffffffff), true
}

const (
	keyN  = `"n":`
	keyAt = `,"at":`
)

// endsWith reports whether b ends with key.
func endsWith(b []byte, key string) bool {
	return len(b) >= len(key) && string(b[len(b)-len(key):]) == key
}

// tail reads "n" and "at" from the end of a position.
func tail(b []byte) (n, at int64, ok bool) {
	for len(b) > 0 && b[len(b)-1] == '}' {
		b = b[:len(b)-1]
	}
	at, i := timeBefore(b)
	if b = b[:i]; !endsWith(b, keyAt) {
		return 0, 0, false
	}
	n, i = numberBefore(b[:len(b)-len(keyAt)])
	return n, at, endsWith(b[:i], keyN)
}

// between separates two positions in a message of Pitwall.
const between = `}},{`

// next is the index of the next key in m, -1 if there is none. Mostly the key
// follows at once, and searching for it would cost more than the rest of scan.
func (c *checker) next(m []byte) int {
	if n := len(between); len(m) > n && string(m[:n]) == between && bytes.HasPrefix(m[n:], c.key) {
		return n
	}
	return bytes.Index(m, c.key)
}

// scan calls f with each position of the harness in m, in any envelope, so that
// other servers can be measured too. found is the number of positions.
func (c *checker) scan(m []byte, f func(item)) (found int) {
	for {
		i := c.next(m)
		if i < 0 {
			return found
		}
		m = m[i+len(c.key):]
		device, digits := number(m)
		n, at, size, ok := stamps(m)
		if digits == 0 || !ok {
			c.counts.Foreign++
			continue
		}
		m = m[size:]
		f(item{int(device), n, at})
		found++
	}
}

// stamps reads the first "n" and "at" in m, and returns where they end, which is
// usually the first brace.
func stamps(m []byte) (n, at int64, end int, ok bool) {
	if end = bytes.IndexByte(m, '}'); end >= 0 {
		if n, at, ok = tail(m[:end]); ok {
			return n, at, end, true
		}
	}
	if end = bytes.Index(m, []byte(keyN)); end < 0 {
		return 0, 0, 0, false
	}
	end += len(keyN)
	n, digits := number(m[end:])
	if end += digits; !bytes.HasPrefix(m[end:], []byte(keyAt)) {
		return 0, 0, 0, false
	}
	end += len(keyAt)
	at, digits = number(m[end:])
	return n, at, end + digits, true
}
