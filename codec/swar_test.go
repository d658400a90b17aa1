package codec

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// words calls f with texts of eight bytes: every byte at every place among digits and
// among other bytes, and random ones.
func words(f func(text string)) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, around := range []string{"01234567", "99999999", "abcdefgh", "\xff\xff\xff\xff\xff\xff\xff\xff", "        ", "\"\\\"\\\"\\\"\\"} {
		for i := range 8 {
			for c := range 256 {
				f(around[:i] + string([]byte{byte(c)}) + around[i+1:])
			}
		}
	}
	for range 50_000 {
		b := make([]byte, 8)
		for i := range b {
			b[i] = "0123456789./:\x00\xb0\xba\xc5\"\\ \x1f\x7f\x80~"[r.IntN(24)]
		}
		f(string(b))
	}
}

// firstByte returns the index of the first byte for which is reports true, 8 if there
// is none.
func firstByte(text string, is func(c byte) bool) int {
	for i := range 8 {
		if is(text[i]) {
			return i
		}
	}
	return 8
}

func TestFirstMarkIsExact(t *testing.T) {
	words(func(text string) {
		w := load64(text, 0)
		want := firstByte(text, func(c byte) bool { return c < ' ' || c >= 0x80 || c == '"' || c == '\\' })
		if got := first(special(w)); got != want {
			t.Fatalf("special in %q: %d, want %d", text, got, want)
		}
		want = firstByte(text, func(c byte) bool { return c < ' ' || c > '~' })
		if got := first(unprintable(w)); got != want {
			t.Fatalf("unprintable in %q: %d, want %d", text, got, want)
		}
		want = firstByte(text, func(c byte) bool { return c < '0' || c > '9' })
		if got := digitRun(w); got != want {
			t.Fatalf("digits of %q: %d, want %d", text, got, want)
		}
		if want == 0 {
			return
		}
		value, _ := strconv.ParseUint(text[:want], 10, 64)
		if got := digitValue(w, want); got != value {
			t.Fatalf("value of %q: %d, want %d", text[:want], got, value)
		}
	})
}

func TestLastWordsArePaddedWithZeros(t *testing.T) {
	text := "abcdefghijklmnop"
	for n := range len(text) + 1 {
		for i := max(0, n-8); i <= n; i++ {
			s := text[:n]
			want := load64((s[i:] + strings.Repeat("\x00", 8))[:8], 0)
			if got := lastWord(s, i); got != want {
				t.Errorf("last word at %d of %q: %#x, want %#x", i, s, got, want)
			}
			if len(s) <= 8 && i == 0 && shortWord(s) != want {
				t.Errorf("short word %q: %#x, want %#x", s, shortWord(s), want)
			}
		}
	}
}

func TestDigitBytesMatchStrconv(t *testing.T) {
	check := func(v uint64) {
		text := strconv.FormatUint(v+1e8, 10)[1:]
		if got := digitBytes(v) | zeros; got != load64(text, 0) {
			t.Fatalf("digits of %d: %#x, want %q", v, got, text)
		}
	}
	for v := range uint64(10000) {
		check(v)
		check(v * 10000)
		check(99_999_999 - v)
		if got, want := digitBytes4(v), uint32(digitBytes(v)>>32); got != want {
			t.Fatalf("digits of %d: %#x, want %#x", v, got, want)
		}
	}
	for v := uint64(0); v < 1e8; v += 997 {
		check(v)
	}
}

func TestPrintableIsASCIIOnly(t *testing.T) {
	for n := range 20 {
		text := strings.Repeat("x", n)
		if !printable(text) {
			t.Errorf("%q is printable", text)
		}
		for i := range n {
			for c := range 256 {
				s := text[:i] + string([]byte{byte(c)}) + text[i+1:]
				if got, want := printable(s), c >= ' ' && c <= '~'; got != want {
					t.Fatalf("%q is printable: %t, want %t", s, got, want)
				}
			}
		}
	}
}
