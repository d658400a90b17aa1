package codec

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// checkNumberText compares the parsers of numbers with strconv, for a number alone and
// in the middle of a text.
func checkNumberText(t *testing.T, text string) {
	t.Helper()
	want, err := strconv.ParseFloat(text, 64)
	ok := err == nil && numberForm.MatchString(text)
	for _, around := range []string{"", ",", "}          ", "]123456789.123456789", ":" + strings.Repeat("0", 20)} {
		got, end, reason := parseNumber("x:"+text+around, 2)
		if (reason == 0) != ok {
			t.Fatalf("%q before %q: %v, want it accepted: %t", text, around, reason, ok)
		}
		if ok && (math.Float64bits(got) != math.Float64bits(want) || end != 2+len(text)) {
			t.Fatalf("%q before %q: %v ends at byte %d, want %v and %d", text, around, got, end, want, 2+len(text))
		}
		skipped, reason := skipNumber("x:"+text+around, 2)
		if (reason == 0) != ok || ok && skipped != end {
			t.Fatalf("%q before %q is skipped to byte %d (%v), want %d", text, around, skipped, reason, end)
		}
	}
	got, end, reason := parseWholeNumber(text)
	if (reason == 0) != ok || ok && (math.Float64bits(got) != math.Float64bits(want) || end != len(text)) {
		t.Fatalf("%q alone: %v ends at byte %d (%v), want %v", text, got, end, reason, want)
	}
}

func TestNumbersMatchStrconv(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "0.0", "-0.0", "1", "-1", "12", "1234567", "12345678", "123456789", "-1234567", "-12345678",
		"0.1", "-0.1234567", "0.12345678", "0.123456789", "47.1234567", "-179.1234567", "12345678.12345678",
		"1e0", "1e1", "1E1", "1e+1", "1e-1", "1.5e3", "-1.5e-3", "1e22", "1e23", "9007199254740992", "9007199254740993", "9007199254740993e1",
		"1e-22", "1e-23", "123456789012345678", "1234567890123456789", "12345678901234567890", "0.000000000000000000000000000000001",
		"1e308", "1.7976931348623157e308", "179769313486231570000000000000000000000e270", "0.00017976931348623157e312",
		"5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1e-400", "-1e-400", "1e-999999999999", "0e999999999999", "-0e400", "0.0e-400",
		"100000000000000000000000000000000000000000000000000000000000000000000000000000e-70",
		strings.Repeat("9", 308), strings.Repeat("9", 400) + "e-200", "0." + strings.Repeat("0", 400) + "1e401", "1" + strings.Repeat("0", 400) + "e-400",
		strings.Repeat("123456789.", 1) + strings.Repeat("123456789", 100),
	} {
		t.Run(fmt.Sprintf("%.40s", text), func(t *testing.T) {
			if !numberForm.MatchString(text) {
				t.Fatal("not a JSON number")
			}
			checkNumberText(t, text)
		})
	}
}

func TestInvalidNumbersAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "-", "+1", "01", "-01", "00", "00.1", "0123456789", ".", ".1", "-.1", "1.", "1.e1", "1e", "1e+", "1e-", "1.5e", "--1", "1e1.5",
		"1_000", "0x10", "1p4", "Inf", "-Infinity", "NaN", "nan", "١", "1e309", "-1e309", "1.7976931348623159e308", strings.Repeat("9", 309),
		"0." + strings.Repeat("0", 10) + "1e320", "1e999999999999999999999",
	} {
		t.Run(fmt.Sprintf("%.40q", text), func(t *testing.T) {
			if _, _, reason := parseWholeNumber(text); reason != ReasonNumber {
				t.Errorf("got reason %v, want %v", reason, ReasonNumber)
			}
		})
	}
}

// TestNumbersBeyondFloat64AreRefused parses numbers around the first one that rounds to
// infinity.
func TestNumbersBeyondFloat64AreRefused(t *testing.T) {
	limit := new(big.Int).Lsh(big.NewInt(1), 1024)
	limit.Sub(limit, new(big.Int).Lsh(big.NewInt(1), 970))
	if limit.String() != overflow {
		t.Fatal("overflow is not half way between the largest float64 and the next")
	}
	below := new(big.Int).Sub(limit, big.NewInt(1)).String()
	for text, ok := range map[string]bool{
		overflow: false, below: true, "-" + overflow: false, "-" + below: true,
		overflow + ".0": false, below + ".9999": true, overflow[:1] + "." + overflow[1:] + "e308": false, below[:1] + "." + below[1:] + "e308": true,
		overflow[:30]: true, overflow[:30] + "e279": true, "1.79769313486231581e308": false, "1.797693134862315807e308": true, "1.797693134862315808e308": false,
		"0." + below + "e309": true, "0." + overflow + "e309": false, overflow + "00000e-5": false, below + "00000e-5": true,
	} {
		if _, _, reason := parseWholeNumber(text); (reason == 0) != ok {
			t.Errorf("%.25s… (%d bytes): %v, want it accepted: %t", text, len(text), reason, ok)
		}
		if _, err := strconv.ParseFloat(text, 64); (err == nil) != ok {
			t.Errorf("%.25s… (%d bytes): strconv does not agree: %v", text, len(text), err)
		}
	}
}

func TestRandomNumbersMatchStrconv(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + r.IntN(10))
		}
		return string(b)
	}
	for range 20_000 {
		text := ""
		if r.IntN(2) == 0 {
			text = "-"
		}
		text += digits(1 + r.IntN(10))
		if r.IntN(4) > 0 {
			text += "." + digits(r.IntN(12))
		}
		if r.IntN(8) == 0 {
			text += "e" + strconv.Itoa(r.IntN(700)-350)
		}
		checkNumberText(t, text)
		checkNumberText(t, strconv.FormatFloat(math.Float64frombits(r.Uint64()&^(1<<62)), 'g', -1, 64))
	}
}
