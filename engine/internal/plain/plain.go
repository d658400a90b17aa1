// Package plain makes text from outside safe to print and to log: device ids,
// attributes, dead letters, what servers and clients say.
//
// A terminal obeys control characters, C1 ones as well, and shows what follows
// a bidirectional mark in another order. Everything that is not printable by
// the rules of Go (strconv.IsPrint) is written as an escape, which is harmless
// in a terminal and valid within a JSON string.
package plain

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns s on one line, with everything that is not printable escaped.
func Text(s string) string { return clean(s, "") }

// clean escapes what is neither printable nor in keep.
func clean(s, keep string) string {
	first := strings.IndexFunc(s, func(r rune) bool { return !shown(r, keep) })
	if first < 0 {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:first])
	for rest := s[first:]; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, rest[0])
		case shown(r, keep) || r == utf8.RuneError:
			b.WriteString(rest[:size])
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
		rest = rest[size:]
	}
	return b.String()
}

// shown reports whether a character needs no escape. clean handles utf8.RuneError
// itself, because invalid bytes also decode to it.
func shown(r rune, keep string) bool {
	return r != utf8.RuneError && strconv.IsPrint(r) || strings.ContainsRune(keep, r)
}

// Writer passes on what is written to it with everything escaped that is
// neither printable, a line feed nor a tab. It wraps the final output
// to a terminal or a log. A value inside a line still needs Text, so that it cannot
// start a new line. Each call must hold whole characters.
type Writer struct{ To io.Writer }

// Write writes all of p or returns an error.
func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.To, clean(string(p), "\n\t")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Count says how many there are of something, such as "1 row" and "2 rows".
func Count(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return strconv.Itoa(n) + " " + many
}
