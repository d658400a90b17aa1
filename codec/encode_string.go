package codec

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// AppendJSONString appends s as a JSON string with its quotes. Bytes that are not
// UTF-8 become U+FFFD. Safe for concurrent use.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if plain(s) {
		dst = append(dst, s...)
		return append(dst, '"')
	}
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case c == '\n':
			dst = append(dst, `\n`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		}
		i++
	}
	return append(dst, '"')
}

// plain reports whether s is ASCII that needs no escapes in a JSON string.
func plain(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if special(load64(s, i)) != 0 {
			return false
		}
	}
	return special(lastWord(s, i))&rest(s, i) == 0
}
