package plain

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "",
		"Läufer 7, \"bib\" \\ 日本 🏃":   "Läufer 7, \"bib\" \\ 日本 🏃",
		"a\x1b]0;title\x07b":          `a\u001b]0;title\u0007b`,
		"two\nlines\r\tand a tab\x7f": `two\u000alines\u000d\u0009and a tab\u007f`,
		"C1 \u009b31m":                `C1 \u009b31m`,
		"bidi \u202eabc\u2066\u200f":  `bidi \u202eabc\u2066\u200f`,
		"zero\u200bwidth\ufeff":       `zero\u200bwidth\ufeff`,
		"lines\u2028\u2029":           `lines\u2028\u2029`,
		"tag \U000e0041":              `tag \udb40\udc41`,
		"bytes \x9b31m\xff":           `bytes \x9b31m\xff`,
		"replaced \ufffd":             "replaced \ufffd",
		"no-break\u00a0space":         `no-break\u00a0space`,
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestWriterKeepsLines(t *testing.T) {
	var b bytes.Buffer
	in := []byte("a\tb\n\x1b[2J\u202e\n")
	if n, err := (Writer{&b}).Write(in); n != len(in) || err != nil {
		t.Errorf("wrote %d, %v, want all %d", n, err, len(in))
	}
	if got, want := b.String(), "a\tb\n\\u001b[2J\\u202e\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := (Writer{full{}}).Write(in); !errors.Is(err, errFull) {
		t.Errorf("%v, want the error of the wrapped writer", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// FuzzText checks that only printable text is left, that printable text is not
// changed, and that JSON keeps its content.
func FuzzText(f *testing.F) {
	f.Add("a\x1b[2J\u009b\u202e\xff\U000e0041")
	f.Fuzz(func(t *testing.T, in string) {
		got := Text(in)
		for i, r := range got {
			if !strconv.IsPrint(r) || r == utf8.RuneError && !utf8.ValidString(got[i:]) {
				t.Fatalf("%q: %q is left in %q", in, r, got)
			}
		}
		if Text(got) != got {
			t.Fatalf("%q: %q is not clean", in, got)
		}
		var b bytes.Buffer
		encoded, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (Writer{&b}).Write(encoded); err != nil {
			t.Fatal(err)
		}
		var before, after string
		if err := errors.Join(json.Unmarshal(encoded, &before), json.Unmarshal(b.Bytes(), &after)); err != nil || before != after {
			t.Fatalf("%q as JSON: %s, %v", in, b.Bytes(), err)
		}
	})
}
