package codec

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestEveryByteMatchesEncodingJSON puts every byte at every place of strings of up to 19
// bytes, so that each byte is tested in a whole word and in the last one.
func TestEveryByteMatchesEncodingJSON(t *testing.T) {
	for n := 1; n < 20; n++ {
		for i := range n {
			for c := range 256 {
				text := strings.Repeat("a", i) + string([]byte{byte(c)}) + strings.Repeat("b", n-i-1)
				checkString(t, text)
			}
		}
	}
}

// checkString compares scanString with encoding/json and the rules on text.
func checkString(t *testing.T, inside string) {
	t.Helper()
	var want string
	whole := `"` + inside + `"`
	err := json.Unmarshal([]byte(whole), &want)
	ok := err == nil && oracleText(whole)
	for _, after := range []string{"", ":", strings.Repeat(" ", 8)} {
		end, reason := scanString(whole+after, 1)
		if ok && (reason != 0 || end != len(whole)-1) {
			t.Fatalf("%q: refused at byte %d with %v", whole+after, end, reason)
		}
		if !ok && reason == 0 && end == len(whole)-1 {
			t.Fatalf("%q: accepted", whole+after)
		}
	}
	if ok && unescape(inside) != want {
		t.Fatalf("%q stands for %q, want %q", inside, unescape(inside), want)
	}
}

func TestInvalidTextIsRefused(t *testing.T) {
	for _, inside := range []string{
		"", "plain", "exactly8", "longer than one word", `\"\\\/\b\f\n\r\t`, `\u0041\u00e9\u20ac`, `\ud83d\ude00`, `\uD83D\uDE00`, `\udbff\udfff`, `\ud800\udc00`,
		"ü", "€uro", "😀", "\u2028", "\ufffd", "\U0010ffff", "\x7f", `\uFFFF`, `\u0001`, "seven..ü", "sevenüü", `sevenn.\n`,
	} {
		checkString(t, inside)
		if _, reason := scanString(inside+`"`, 0); reason != 0 {
			t.Errorf("%q: refused with %v", inside, reason)
		}
	}
	for inside, want := range map[string]Reason{
		`\u0000`: ReasonText, "\x00": ReasonJSON, `\ud800`: ReasonText, `\udc00`: ReasonText, `\ud800\ud800`: ReasonText, `\ud800\n`: ReasonText, `\ud800x\udc00`: ReasonText,
		`\ud800\u0041`: ReasonText, "\xff": ReasonText, "\xc0\x80": ReasonText, "\xed\xa0\x80": ReasonText, "\xf4\x90\x80\x80": ReasonText, "\xe2\x82": ReasonText, "\x80": ReasonText,
		"\n": ReasonJSON, "\x1f": ReasonJSON, `\x41`: ReasonJSON, `\'`: ReasonJSON, `\u00g0`: ReasonJSON, `\u004`: ReasonJSON, `\U0041`: ReasonJSON, `\`: ReasonJSON,
	} {
		checkString(t, inside)
		if _, reason := scanString(inside+`"`, 0); reason != want {
			t.Errorf("%q: %v, want %v", inside, reason, want)
		}
	}
	if end, reason := scanString("never closed", 0); reason != ReasonJSON || end != len("never closed") {
		t.Errorf("never closed: byte %d, %v", end, reason)
	}
}

func TestRandomStringsMatchEncodingJSON(t *testing.T) {
	parts := []string{"a", "bc", "12345678", `\n`, `\"`, `\\`, `\/`, `\u0041`, `\u00e9`, `\ud83d\ude00`, `\ud83d`, `\ude00`, `\u0000`, "ü", "€", "😀", "\xff", "\xc3", `"`, `\`, `\u12`, "\t"}
	r := rand.New(rand.NewPCG(13, 14))
	for range 20_000 {
		inside := ""
		for range r.IntN(8) {
			inside += parts[r.IntN(len(parts)-r.IntN(14))]
		}
		checkString(t, inside)
	}
}

func TestAppendJSONStringEscapes(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", `""`},
		{"plain", "event:42", `"event:42"`},
		{"quote and backslash", `a"b\c`, `"a\"b\\c"`},
		{"control characters", "\x00\x1f\n\r\t", `"\u0000\u001f\n\u000d\u0009"`},
		{"not ASCII", "Zürich 😀", `"Zürich 😀"`},
		{"DEL and HTML", "\x7f<&>", "\"\x7f<&>\""},
		{"invalid UTF-8", "a\xffb\xc3", "\"a\ufffdb\ufffd\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := AppendJSONString([]byte("x"), tt.in)
			if string(got) != "x"+tt.want {
				t.Errorf("%q becomes %s, want %s", tt.in, got[1:], tt.want)
			}
			var back string
			if err := json.Unmarshal(got[1:], &back); err != nil || back != strings.ToValidUTF8(tt.in, "\ufffd") {
				t.Errorf("read back as %q (%v)", back, err)
			}
		})
	}
}

// TestEveryByteIsEscaped puts every ASCII byte at every place of a short string.
func TestEveryByteIsEscaped(t *testing.T) {
	for n := 1; n < 18; n++ {
		for i := range n {
			for c := range 0x80 {
				text := strings.Repeat("a", i) + string([]byte{byte(c)}) + strings.Repeat("b", n-i-1)
				var back string
				if err := json.Unmarshal(AppendJSONString(nil, text), &back); err != nil || back != text {
					t.Fatalf("%q is read back as %q (%v)", text, back, err)
				}
			}
		}
	}
}
