package codec

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func TestTimesAreParsed(t *testing.T) {
	tests := []struct {
		name, text string
		want       int64
	}{
		{"as ingestion services write it", "2025-06-01T12:00:00.500Z", plainTS},
		{"without a fraction", "2025-06-01T12:00:00Z", 1748779200000},
		{"one decimal", "2025-06-01T12:00:00.5Z", plainTS},
		{"two decimals", "2025-06-01T12:00:00.05Z", 1748779200050},
		{"nine decimals are cut, not rounded", "2025-06-01T12:00:00.500999999Z", plainTS},
		{"fifty decimals", "2025-06-01T12:00:00.50000000000000000000000000000000000000000000000009Z", plainTS},
		{"lower case", "2025-06-01t12:00:00.500z", plainTS},
		{"a space for the T", "2025-06-01 12:00:00.500Z", plainTS},
		{"a comma before the fraction", "2025-06-01T12:00:00,5Z", plainTS},
		{"an offset without a colon", "2025-06-01T14:00:00.5+0200", plainTS},
		{"an offset of hours", "2025-06-01T10:00:00,500-02", plainTS},
		{"no offset, without a colon", "2025-06-01T12:00:00.5+0000", plainTS},
		{"no offset, of hours", "2025-06-01T12:00:00.5+00", plainTS},
		{"a leap second is the last ms before the next minute", "2016-12-31T23:59:60Z", 1483228799999},
		{"and so is its end", "2016-12-31T23:59:60.999Z", 1483228799999},
		{"a leap second in another zone", "2017-01-01T00:59:60+01:00", 1483228799999},
		{"second 60 of any minute", "2025-06-01T11:59:60.000Z", 1748779199999},
		{"east of Greenwich", "2025-06-01T14:00:00.500+02:00", plainTS},
		{"west of Greenwich, the day before", "2025-05-31T23:30:00.500-12:30", plainTS},
		{"the largest offset", "2025-06-02T11:59:00.500+23:59", plainTS},
		{"an offset of -00:00", "2025-06-01T12:00:00.500-00:00", plainTS},
		{"the epoch", "1970-01-01T00:00:00Z", 0},
		{"before the epoch, cut downwards", "1969-12-31T23:59:59.9999Z", -1},
		{"year 0", "0000-01-01T00:00:00Z", -62167219200000},
		{"the last year", "9999-12-31T23:59:59.999Z", 253402300799999},
		{"leap day", "2024-02-29T00:00:00Z", 1709164800000},
		{"leap day of a century", "2000-02-29T00:00:00Z", 951782400000},
		{"the day after a leap day", "2024-03-01T00:00:00Z", 1709251200000},
		{"epoch ms", "1748779200500", plainTS},
		{"epoch ms with a fraction", "1748779200500.999", plainTS},
		{"epoch ms with an exponent", "17487792005e2", plainTS},
		{"epoch ms before the epoch, cut downwards", "-0.5", -1},
		{"nine digits", "123456789", 123456789},
		{"fifteen digits", "123456789012345", 123456789012345},
		{"zero", "0", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := parseTime(tt.text); !ok || got != tt.want {
				t.Errorf("%s: %d %t, want %d", tt.text, got, ok, tt.want)
			}
			if got, ok := parseTimeString(escapeAll(tt.text)); len(tt.text) < 40 && (!ok || got != tt.want) {
				t.Errorf("%s with escapes: %d %t, want %d", tt.text, got, ok, tt.want)
			}
			if got, ok := oracleTime(tt.text); !ok || got != tt.want {
				t.Errorf("%s: the oracle returns %d %t, want %d", tt.text, got, ok, tt.want)
			}
		})
	}
}

// escapeAll writes every byte of a text as an escape.
func escapeAll(s string) string {
	out := ""
	for i := range len(s) {
		out += fmt.Sprintf(`\u%04X`, s[i])
	}
	return out
}

func TestInvalidTimesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "words": "yesterday", "a date alone": "2025-06-01", "a time alone": "12:00:00Z", "two spaces for the T": "2025-06-01  12:00:00Z",
		"an underscore for the T": "2025-06-01_12:00:00Z", "no zone": "2025-06-01T12:00:00", "no zone after a fraction": "2025-06-01T12:00:00.000",
		"month 0": "2025-00-01T12:00:00Z", "month 13": "2025-13-01T12:00:00Z", "month 16": "2025-16-01T12:00:00Z", "month 99": "2025-99-01T12:00:00Z",
		"day 0": "2025-06-00T12:00:00Z", "day 31 of June": "2025-06-31T12:00:00Z", "day 32": "2025-01-32T12:00:00Z", "day 32 with a fraction": "2025-01-32T12:00:00.000Z",
		"29 February of no leap year": "2025-02-29T12:00:00Z", "29 February 1900": "1900-02-29T00:00:00Z", "30 February": "2024-02-30T00:00:00Z",
		"hour 24": "2025-06-01T24:00:00Z", "minute 60": "2025-06-01T12:60:00Z",
		"second 61": "2025-06-01T12:00:61Z", "a point without decimals": "2025-06-01T12:00:00.Z", "a comma without decimals": "2025-06-01T12:00:00,Z", "a leap second without decimals": "2016-12-31T23:59:60.Z",
		"a leap second of hour 24": "2016-12-31T24:59:60Z", "a comma and a point": "2025-06-01T12:00:00,5.5Z", "an offset of one digit": "2025-06-01T12:00:00+2", "an offset of three digits": "2025-06-01T12:00:00+020",
		"an offset of hours and a colon": "2025-06-01T12:00:00+02:", "an offset of 24 hours": "2025-06-01T12:00:00+24", "60 minutes without a colon": "2025-06-01T12:00:00+0060", "offset 24:00": "2025-06-01T12:00:00+24:00",
		"offset 00:60": "2025-06-01T12:00:00+00:60", "an offset without a sign": "2025-06-01T12:00:00 02:00", "an offset of letters": "2025-06-01T12:00:00+ab:cd",
		"Z and an offset": "2025-06-01T12:00:00Z+00:00", "something after the Z": "2025-06-01T12:00:00Z ", "white space before": " 2025-06-01T12:00:00Z",
		"a five-digit year": "12025-06-01T12:00:00Z", "a signed year": "-025-06-01T12:00:00Z", "letters for digits": "2O25-06-01T12:00:00.000Z",
		"slashes": "2025/06/01T12:00:00Z", "one-digit month": "2025-6-01T12:00:00.00Z", "no seconds": "2025-06-01T12:00Z+00:00", "basic form": "20250601T120000Z",
		"a colon for a digit": "2025-06-01T12:0::00.000Z", "a byte above ASCII": "2025-06-01T12:00:00.00\xb0Z", "bytes above ASCII that carry": "2025-\xba6-01T12:00:00.000Z",
		"an epoch with a leading zero": "0123456789", "an epoch with a unit": "1748779200500ms", "an epoch in hex": "0x12", "two epochs": "1748779200500,5", "an epoch beyond float64": "1e400",
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := parseTime(text); ok {
				t.Errorf("%q is accepted as %d", text, got)
			}
			if got, ok := parseCommonTime(`"`+text+`" `, 1); ok {
				t.Errorf("%q is accepted in the common layout, as %d", text, got)
			}
			if got, ok := oracleTime(text); ok {
				t.Errorf("%q: the oracle accepts it as %d", text, got)
			}
		})
	}
}

// TestDaysMatchPackageTime parses a random time of each day of two centuries, and of
// every 13th day of ten thousand years.
func TestDaysMatchPackageTime(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	day := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	for day.Year() < 10000 {
		at := day.Add(time.Duration(r.Int64N(86_400_000)) * time.Millisecond)
		text := at.Format(`2006-01-02T15:04:05.000Z`)
		if got, ok := parseTime(text); !ok || got != at.UnixMilli() {
			t.Fatalf("%s: %d %t, want %d", text, got, ok, at.UnixMilli())
		}
		if got, ok := parseCommonTime(`"`+text+`",`, 1); !ok || got != at.UnixMilli() {
			t.Fatalf("%s in the common layout: %d %t, want %d", text, got, ok, at.UnixMilli())
		}
		step := 13
		if day.Year() >= 1890 && day.Year() < 2110 {
			step = 1
		}
		day = day.AddDate(0, 0, step)
	}
}

// TestChangedTimesMatchTheOracle changes each byte of a time to every other value.
func TestChangedTimesMatchTheOracle(t *testing.T) {
	for _, text := range []string{"2025-06-01T12:00:00.500Z", "2024-02-29T23:59:59.1+23:59", "2016-12-31 23:59:60,5-0130", "2025-06-01T12:00:00+00", "1748779200500"} {
		for i := range text {
			for c := range 256 {
				broken := text[:i] + string([]byte{byte(c)}) + text[i+1:]
				want, wantOK := oracleTime(broken)
				if got, ok := parseTime(broken); ok != wantOK || ok && got != want {
					t.Fatalf("%q: %d %t, want %d %t", broken, got, ok, want, wantOK)
				}
				if got, ok := parseCommonTime(`"`+broken+`"`, 1); ok && (!wantOK || got != want) {
					t.Fatalf("%q in the common layout: %d, want %d %t", broken, got, want, wantOK)
				}
			}
		}
	}
}
