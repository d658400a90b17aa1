package codec

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanString reads a JSON string from i, just after its opening quote, and
// returns where its closing quote is. It refuses what not every database takes:
// NUL, lone surrogates, invalid UTF-8. Otherwise it returns where the fault is:
// ReasonText for one of these, ReasonJSON if it is not a string.
func scanString(s string, i int) (end int, reason Reason) {
	for {
		var w uint64
		if i+8 <= len(s) {
			w = load64(s, i)
		} else {
			w = lastWord(s, i) // the zeros after the text count as special
		}
		marks := special(w)
		if marks == 0 {
			i += 8
			continue
		}
		switch i += first(marks); {
		case i == len(s):
			return i, ReasonJSON
		case s[i] == '"':
			return i, 0
		}
		if i, reason = escapeOrRune(s, i); reason != 0 {
			return i, reason
		}
	}
}

// escapeOrRune reads one character of a string that is an escape or not ASCII.
func escapeOrRune(s string, i int) (next int, reason Reason) {
	c := s[i]
	if c >= utf8.RuneSelf {
		_, n := utf8.DecodeRuneInString(s[i:])
		if n == 1 {
			return i, ReasonText
		}
		return i + n, 0
	}
	if c != '\\' {
		return i, ReasonJSON
	}
	switch at(s, i+1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, 0
	case 'u':
		return unicodeEscape(s, i)
	}
	return i, ReasonJSON
}

// unicodeEscape checks the \u escape at i, and the one after it if the two are a
// surrogate pair.
func unicodeEscape(s string, i int) (next int, reason Reason) {
	r, ok := hex4(s, i+2)
	switch {
	case !ok:
		return i, ReasonJSON
	case r == 0:
		return i, ReasonText
	case !utf16.IsSurrogate(r):
		return i + 6, 0
	}
	low, ok := hex4(s, i+8)
	if !ok || !hasAt(s, i+6, `\u`) || utf16.DecodeRune(r, low) == utf8.RuneError {
		return i, ReasonText
	}
	return i + 12, 0
}

// skipString is scanString, but reads a string that is refused to its end. Then it
// returns where the closing quote is, with ReasonText.
func skipString(s string, i int) (end int, reason Reason) {
	if end, reason = scanString(s, i); reason != ReasonText {
		return end, reason
	}
	for i = end; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			return i, ReasonText
		case c < ' ':
			return i, ReasonJSON
		case c != '\\':
			i++
		case at(s, i+1) == 'u':
			if _, ok := hex4(s, i+2); !ok {
				return i, ReasonJSON
			}
			i += 6
		default:
			if i, reason = escapeOrRune(s, i); reason != 0 {
				return i, reason
			}
		}
	}
	return i, ReasonJSON
}

// hex4 returns the four hexadecimal digits at i.
func hex4(s string, i int) (r rune, ok bool) {
	if i+4 > len(s) {
		return 0, false
	}
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20-'a' <= 5:
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape returns the text that the inside of a checked JSON string stands for.
// It allocates only if raw has escapes.
func unescape(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return string(appendUnescaped(nil, raw))
}

// maxShortValue is how long the text of a short value (a time, a number, a boolean)
// may be if it is written with escapes, in bytes.
const maxShortValue = 256

// unescapeShort is unescape for a short value. It does not allocate: buf must have
// room for maxShortValue bytes, and the text may alias it. It fails if raw has
// escapes and is longer than that.
func unescapeShort(buf []byte, raw string) (text string, ok bool) {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw, true
	}
	if len(raw) > maxShortValue {
		return "", false
	}
	return alias(appendUnescaped(buf, raw)), true
}

// appendUnescaped appends the text that the inside of a checked JSON string stands
// for, which is never longer than raw.
func appendUnescaped(dst []byte, raw string) []byte {
	for i := 0; i < len(raw); {
		r, n := decodeChar(raw, i)
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// sameText reports whether the insides of two checked JSON strings stand for the
// same text.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	if strings.IndexByte(a, '\\') < 0 && strings.IndexByte(b, '\\') < 0 {
		return false
	}
	for a != "" && b != "" {
		r, n := decodeChar(a, 0)
		q, m := decodeChar(b, 0)
		if r != q {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return a == b
}

// decodeChar returns the character at i in the inside of a checked JSON string,
// and how many bytes it takes there.
func decodeChar(raw string, i int) (r rune, n int) {
	if raw[i] != '\\' {
		return utf8.DecodeRuneInString(raw[i:])
	}
	switch c := raw[i+1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, _ = hex4(raw, i+2)
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		low, _ := hex4(raw, i+8)
		return utf16.DecodeRune(r, low), 12
	default:
		return rune(c), 2
	}
}
