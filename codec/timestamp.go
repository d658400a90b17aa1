package codec

import (
	"math"
	"strings"
)

// timestamp reads a device time: RFC 3339, or epoch ms as a JSON number. It is
// cut to ms since the Unix epoch.
func timestamp(s string) (ms int64, ok bool) {
	if len(s) >= len("2006-01-02T15:04:05Z") && s[4] == '-' {
		return rfc3339(s)
	}
	f, end, why := number(s, 0)
	if why != 0 || end != len(s) {
		return 0, false
	}
	return epochMs(f), true
}

// timestampText is timestamp for the inside of a checked JSON string.
func timestampText(raw string) (ms int64, ok bool) {
	if strings.IndexByte(raw, '\\') < 0 {
		return timestamp(raw)
	}
	var room [256]byte
	if len(raw) > len(room) {
		return 0, false
	}
	return timestamp(alias(appendUnquoted(room[:0], raw)))
}

// epochMs cuts f to an integer. What is far out of every range stays so.
func epochMs(f float64) int64 {
	switch {
	case f >= maxExact:
		return math.MaxInt64
	case f <= -maxExact:
		return math.MinInt64
	}
	return int64(math.Floor(f))
}

// The pattern of the first 24 bytes of a time, 0 standing for a digit.
const (
	pattern1 = '0' | '0'<<8 | '0'<<16 | '0'<<24 | '-'<<32 | '0'<<40 | '0'<<48 | '-'<<56
	pattern2 = '0' | '0'<<8 | 'T'<<16 | '0'<<24 | '0'<<32 | ':'<<40 | '0'<<48 | '0'<<56
	pattern3 = ':' | '0'<<8 | '0'<<16 | '.'<<24 | '0'<<32 | '0'<<40 | '0'<<48 | 'Z'<<56
	// Added to a word from which its pattern was taken with xor, these set the
	// mark bit of each byte that is no digit where one belongs, or not the
	// pattern's byte.
	check1 = 0x7f_76_76_7f_76_76_76_76
	check2 = 0x76_76_7f_76_76_7f_76_76
	check3 = 0x7f_76_76_76_7f_76_76_7f
)

// rfc3339 reads the date-time of RFC 3339, section 5.6: any number of decimals,
// of which three count; Z or an offset; T and Z in either case. A second 60 is
// refused: the Unix epoch has no such time. s has at least 20 bytes.
func rfc3339(s string) (ms int64, ok bool) {
	x := load64(s, 0) ^ pattern1
	y := load64(s, 8) ^ pattern2
	if s[10] == 't' {
		y ^= ('T' ^ 't') << 16
	}
	if (x|(x+check1)|y|(y+check2))&highs != 0 || s[16] != ':' || s[17]-'0' > 9 || s[18]-'0' > 9 {
		return 0, false
	}
	x = x*10 + x>>8 // pairs of digits
	y = y*10 + y>>8
	year := int(x&0xff)*100 + int(x>>16&0xff)
	days, ok := daysTo(year, int(x>>40&0xff), int(y&0xff))
	hour, minute := int64(y>>24&0xff), int64(y>>48&0xff)
	second := int64(s[17]-'0')*10 + int64(s[18]-'0')
	if !ok || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	ms = ((days*24+hour)*60+minute)*60_000 + second*1000
	i := 19
	if s[i] == '.' {
		scale := int64(100)
		for i++; i < len(s) && s[i]-'0' <= 9; i++ {
			ms += int64(s[i]-'0') * scale
			scale /= 10
		}
		if i == 20 {
			return 0, false
		}
	}
	offset, ok := offsetAt(s, i)
	return ms - offset, ok
}

// offsetAt reads the offset from UTC at the end of a time, in ms.
func offsetAt(s string, i int) (ms int64, ok bool) {
	rest := s[i:]
	if len(rest) == 1 {
		return 0, rest[0]|0x20 == 'z'
	}
	if len(rest) != len("+00:00") || rest[3] != ':' {
		return 0, false
	}
	hour, okHour := twoDigits(rest[1], rest[2])
	minute, okMinute := twoDigits(rest[4], rest[5])
	if !okHour || !okMinute || hour > 23 || minute > 59 {
		return 0, false
	}
	ms = (hour*60 + minute) * 60_000
	switch rest[0] {
	case '+':
		return ms, true
	case '-':
		return -ms, true
	}
	return 0, false
}

func twoDigits(a, b byte) (n int64, ok bool) {
	a, b = a-'0', b-'0'
	return int64(a)*10 + int64(b), a <= 9 && b <= 9
}

// daysBefore counts the days of a year before each month, 1 to 12.
var daysBefore = [16]int{0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}

// daysIn counts the days of each month, 1 to 12.
var daysIn = [16]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// daysTo counts the days from 1970-01-01 to a date; false when there is no such
// date. year is 0 to 9999, month and day are 0 to 99.
func daysTo(year, month, day int) (days int64, ok bool) {
	leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
	if month > 12 || day == 0 || day > daysIn[month&15] && !(leap && month == 2 && day == 29) {
		return 0, false
	}
	n := year*365 + (year+3)/4 - (year+99)/100 + (year+399)/400 // up to the year's first day
	n += daysBefore[month&15] + day - 1
	if leap && month > 2 {
		n++
	}
	return int64(n - 719528), true
}
