package codec

import "math"

// parseTime reads a device time: RFC 3339, or epoch ms as a JSON number. The result
// is in ms since the Unix epoch, rounded down.
func parseTime(s string) (ms int64, ok bool) {
	if len(s) >= len("2006-01-02T15:04:05Z") && s[4] == '-' {
		return parseRFC3339(s)
	}
	if len(s) > 8 && len(s) < 16 {
		if w, v := load64(s, 0), lastWord(s, 8); w&0xff != '0' && digitRun(w) == 8 && digitRun(v) == len(s)-8 {
			return int64(digitValue(w, 8)*pow10Int[len(s)-8] + digitValue(v, len(s)-8)), true
		}
	}
	f, end, reason := parseNumber(s, 0)
	if reason != 0 || end != len(s) {
		return 0, false
	}
	return epochMs(f), true
}

// parseTimeString is parseTime for the inside of a checked JSON string.
func parseTimeString(raw string) (ms int64, ok bool) {
	var buf [maxShortValue]byte
	if raw, ok = unescapeShort(buf[:0], raw); !ok {
		return 0, false
	}
	return parseTime(raw)
}

// epochMs rounds f down to an integer. A number beyond every range stays beyond.
func epochMs(f float64) int64 {
	switch {
	case f >= maxExact:
		return math.MaxInt64
	case f <= -maxExact:
		return math.MinInt64
	}
	return int64(math.Floor(f))
}

// commonLayout is how ingestion services write a time.
const commonLayout = "2006-01-02T15:04:05.000Z"

// The patterns are the three words of commonLayout, with 0 for each digit. For a valid
// text, the xor of a word and its pattern has the value 0-9 in place of each digit, and
// 0 in place of every other character. Adding the check sets the top bit of the bytes
// for which that is not true.
const (
	pattern1 = '0' | '0'<<8 | '0'<<16 | '0'<<24 | '-'<<32 | '0'<<40 | '0'<<48 | '-'<<56
	pattern2 = '0' | '0'<<8 | 'T'<<16 | '0'<<24 | '0'<<32 | ':'<<40 | '0'<<48 | '0'<<56
	pattern3 = ':' | '0'<<8 | '0'<<16 | '.'<<24 | '0'<<32 | '0'<<40 | '0'<<48 | 'Z'<<56
	check1   = 0x7f_76_76_7f_76_76_76_76
	check2   = 0x76_76_7f_76_76_7f_76_76
	check3   = 0x7f_76_76_76_7f_76_76_7f
)

// parseCommonTime reads a time in commonLayout at i, with a quote after it. It fails
// for everything else.
func parseCommonTime(s string, i int) (ms int64, ok bool) {
	if i+len(commonLayout) >= len(s) || s[i+len(commonLayout)] != '"' {
		return 0, false
	}
	x, y := load64(s, i)^pattern1, load64(s, i+8)^pattern2
	z := load64(s, i+16) ^ pattern3
	if (x|(x+check1)|y|(y+check2)|z|(z+check3))&highs != 0 {
		return 0, false
	}
	z = z*10 + z>>8
	ms, ok = toMinute(x, y)
	second := int64(z >> 8 & 0xff)
	// The last two decimals are read as a pair. The first one is the hundreds.
	ms += second*1000 + int64(z>>40&0xff) + int64(s[i+20]-'0')*100
	return ms, ok && second < 60
}

// toMinute returns the time up to its minute, in ms since the Unix epoch. x and y are
// the first two words of the text, xor pattern1 and pattern2. It fails if there is no
// such time.
func toMinute(x, y uint64) (ms int64, ok bool) {
	x = x*10 + x>>8 // pairs of digits
	y = y*10 + y>>8
	days, ok := daysTo(int(x&0xff)*100+int(x>>16&0xff), int(x>>40&0xff), int(y&0xff))
	hour, minute := int64(y>>24&0xff), int64(y>>48&0xff)
	return ((days*24+hour)*60 + minute) * 60_000, ok && hour < 24 && minute < 60
}

// parseRFC3339 reads the date-time of RFC 3339, section 5.6: any number of decimals,
// of which three count; Z or an offset; T and Z in either case, or a space instead of
// the T. It also reads what ISO 8601 allows and devices write: a comma before the
// decimals, and an offset without its colon or minutes. Unix time has no second 60.
// It becomes the last ms before the next minute, so that a leap second is neither
// before what precedes it nor after what follows it. s has at least 20 bytes.
func parseRFC3339(s string) (ms int64, ok bool) {
	x, y := load64(s, 0)^pattern1, load64(s, 8)^pattern2
	if c := s[10]; c == 't' || c == ' ' {
		y ^= uint64('T'^c) << 16
	}
	if (x|(x+check1)|y|(y+check2))&highs != 0 || s[16] != ':' {
		return 0, false
	}
	ms, ok = toMinute(x, y)
	second, okSecond := twoDigits(s[17], s[18])
	if !ok || !okSecond || second > 60 {
		return 0, false
	}
	ms += second * 1000
	i, scale := 19, int64(100)
	if second == 60 {
		ms, scale = ms-1, 0
	}
	if s[i] == '.' || s[i] == ',' {
		for i++; i < len(s) && s[i]-'0' <= 9; i++ {
			ms += int64(s[i]-'0') * scale
			scale /= 10
		}
		if i == 20 {
			return 0, false
		}
	}
	offset, ok := parseOffset(s[i:])
	return ms - offset, ok
}

// parseOffset reads an offset from UTC: Z, or hours and minutes with a sign.
func parseOffset(s string) (ms int64, ok bool) {
	if len(s) == 1 {
		return 0, s[0]|0x20 == 'z'
	}
	m1, m2 := byte('0'), byte('0') // the minutes
	switch {
	case len(s) == len("+00:00") && s[3] == ':':
		m1, m2 = s[4], s[5]
	case len(s) == len("+0000"):
		m1, m2 = s[3], s[4]
	case len(s) != len("+00"):
		return 0, false
	}
	hour, okHour := twoDigits(s[1], s[2])
	minute, okMinute := twoDigits(m1, m2)
	if !okHour || !okMinute || hour > 23 || minute > 59 {
		return 0, false
	}
	ms = (hour*60 + minute) * 60_000
	switch s[0] {
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

// daysTo counts the days from 1970-01-01 to a date. It fails if there is no such date.
// year is 0 to 9999, month and day are 0 to 99.
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
