package codec

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted reads a JSON string from i, just after its opening quote, and
// returns where its closing quote is. It refuses what not every database
// takes: NUL, lone surrogates, invalid UTF-8. ReasonText says that it is one of
// these, ReasonJSON that there is no string.
func quoted(s string, i int) (end int, why Reason) {
	for i+8 <= len(s) {
		marks := special(load64(s, i))
		if marks == 0 {
			i += 8
			continue
		}
		if i += first(marks); s[i] == '"' {
			return i, 0
		}
		if i, why = unusual(s, i); why != 0 {
			return i, why
		}
	}
	for i < len(s) {
		switch c := s[i]; {
		case c == '"':
			return i, 0
		case c < ' ' || c == '\\' || c >= utf8.RuneSelf:
			if i, why = unusual(s, i); why != 0 {
				return i, why
			}
		default:
			i++
		}
	}
	return i, ReasonJSON
}

// unusual reads one character of a string that is an escape or not ASCII.
func unusual(s string, i int) (next int, why Reason) {
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

// unicodeEscape checks the \u escape at i, with its second half if it is the
// first one of a surrogate pair.
func unicodeEscape(s string, i int) (next int, why Reason) {
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

// anyQuoted is quoted for every string that JSON allows. text is false where
// quoted refuses it.
func anyQuoted(s string, i int) (end int, text bool, why Reason) {
	if end, why = quoted(s, i); why != ReasonText {
		return end, true, why
	}
	for i = end; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			return i, false, 0
		case c < ' ':
			return i, false, ReasonJSON
		case c != '\\':
			i++
		case at(s, i+1) == 'u':
			if _, ok := hex4(s, i+2); !ok {
				return i, false, ReasonJSON
			}
			i += 6
		default:
			if i, why = unusual(s, i); why != 0 {
				return i, false, why
			}
		}
	}
	return i, false, ReasonJSON
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

// unquoted returns what the inside of a checked JSON string stands for. It
// allocates only if raw has escapes.
func unquoted(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return string(appendUnquoted(nil, raw))
}

// longestEscaped is how long a short value may be, in bytes, if it is written
// with escapes: a time, a number, a boolean.
const longestEscaped = 256

// unescaped is unquoted for a short value. room must have space for
// longestEscaped bytes; the text may alias it. It fails if raw has escapes and
// is longer than that.
func unescaped(room []byte, raw string) (text string, ok bool) {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw, true
	}
	if len(raw) > longestEscaped {
		return "", false
	}
	return alias(appendUnquoted(room, raw)), true
}

// appendUnquoted appends what the inside of a checked JSON string stands for,
// which is never longer than raw.
func appendUnquoted(dst []byte, raw string) []byte {
	for i := 0; i < len(raw); {
		r, n := character(raw, i)
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// character returns the character at i in the inside of a checked JSON string,
// and how many bytes it takes there.
func character(raw string, i int) (r rune, n int) {
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
