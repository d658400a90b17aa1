// Package plain makes text from other programs safe to print and to log: device ids,
// attributes, dead letters, messages of servers and clients.
//
// A terminal interprets control characters (C0 and C1), and shows the text after a
// bidirectional mark in another order. Everything that is not printable by the rules
// of Go (strconv.IsPrint) is written as an escape, which is harmless in a terminal
// and valid within a JSON string.
//
// The package keeps no state. Any goroutine may call it.
package plain

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns s with everything that is not printable escaped, line breaks included.
func Text(s string) string { return clean(s, "") }

// Line returns s on one line: Text, with each run of white space as one space.
func Line(s string) string { return Text(strings.Join(strings.Fields(s), " ")) }

// WriteJSON writes v as indented JSON. HTML is not escaped, since people read it.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// clean escapes the characters that are neither printable nor in keep.
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

// Writer writes to another writer and escapes everything that is not printable, other
// than line feeds and tabs. It wraps the final output to a terminal or a log. A value
// within a line still needs Text, so that it cannot start a new line. A call of Write
// must not end in the middle of a character.
type Writer struct{ To io.Writer }

// Write writes all of p or returns an error.
func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.To, clean(string(p), "\n\t")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Count returns a number with its noun, such as "1 row" or "2 rows".
func Count(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return strconv.Itoa(n) + " " + many
}
