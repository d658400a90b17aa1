package live

import (
	"regexp"
	"strings"
	"testing"
)

// deflateOffers are Sec-WebSocket-Extensions headers, and whether
// permessage-deflate is agreed on.
var deflateOffers = []struct {
	headers string // lines are separated by \n
	want    bool
}{
	{"", false},
	{"permessage-deflate", true},
	{"permessage-deflate; client_max_window_bits", true}, // Chromium
	{"permessage-deflate; client_no_context_takeover; server_no_context_takeover", true},
	{"permessage-deflate;client_max_window_bits=15", true},
	{"permessage-deflate ; client_max_window_bits = 8", true},
	{`permessage-deflate; client_max_window_bits="10"`, true},
	{`permessage-deflate; client_max_window_bits="1\0"`, true},
	{"\tpermessage-deflate\t", true},
	{",, permessage-deflate ,", true},
	{"permessage-foo; x=1, permessage-deflate", true},
	{`permessage-foo; x="a\b", permessage-deflate`, true},
	{"x-webkit-deflate-frame\npermessage-deflate", true},
	{"permessage-deflate; server_max_window_bits=10, permessage-deflate", true}, // the second choice
	{"permessage-deflate; what=ever, permessage-deflate; client_max_window_bits", true},

	{"permessage-deflate; server_max_window_bits=15", false},
	{"permessage-deflate; server_max_window_bits=8", false},
	{"permessage-deflate; server_max_window_bits", false},
	{"permessage-deflate; client_max_window_bits=7", false},
	{"permessage-deflate; client_max_window_bits=16", false},
	{"permessage-deflate; client_max_window_bits=08", false},
	{"permessage-deflate; client_max_window_bits=1", false},
	{"permessage-deflate; client_max_window_bits=+9", false},
	{"permessage-deflate; client_max_window_bits=x", false},
	{"permessage-deflate; client_max_window_bits=115", false},
	{"permessage-deflate; server_no_context_takeover=1", false},
	{"permessage-deflate; client_no_context_takeover=true", false},
	{"permessage-deflate; client_no_context_takeover; client_no_context_takeover", false},
	{"permessage-deflate; client_max_window_bits; client_max_window_bits=10", false},
	{"permessage-deflate; unknown", false},
	{"permessage-deflate2", false},
	{"xpermessage-deflate", false},
	{"PerMessage-Deflate", false},
	{"x-webkit-deflate-frame", false},

	{"permessage-deflate;", false},
	{"permessage-deflate; ; client_max_window_bits", false},
	{"permessage-deflate; client_max_window_bits=", false},
	{`permessage-deflate; client_max_window_bits=""`, false},
	{`permessage-deflate; client_max_window_bits="10`, false},
	{`permessage-deflate; client_max_window_bits="10\`, false},
	{`permessage-deflate; client_max_window_bits="1 0"`, false},
	{"permessage-deflate client_max_window_bits", false},
	{"permessage-deflate; client max window bits", false},
	{"=, permessage-deflate", false},
	{"permessage-deflate, ;", false},
	{"permessage-deflate, \x00", false},
	{"permessage-deflate, käse", false},
	{strings.Repeat("x,", maxOffers) + "permessage-deflate", false},
}

func TestOffersOfDeflate(t *testing.T) {
	for _, c := range deflateOffers {
		if got := offersDeflate(strings.Split(c.headers, "\n")); got != c.want {
			t.Errorf("offersDeflate(%.200q) is %v, want %v", c.headers, got, c.want)
		}
	}
}

// The grammar of RFC 7230 as regular expressions. A value cannot contain a comma or
// semicolon: it is a token, also where it is quoted.
var (
	tokenText = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]"
	elementRE = regexp.MustCompile(`^` + tokenText + `+([ \t]*;[ \t]*` + tokenText + `+([ \t]*=[ \t]*(` + tokenText + `+|"(\\?` + tokenText + `)+"))?)*$`)
	paramRE   = regexp.MustCompile(`^((server|client)_no_context_takeover|client_max_window_bits([ \t]*=[ \t]*"?\\?(8|9|1\\?[0-5])"?)?)$`)
)

// offersDeflateByRegexp is a simple offersDeflate, to compare with.
func offersDeflateByRegexp(header string) (agreed bool) {
	if len(header) > maxOffers {
		return false
	}
	for element := range strings.SplitSeq(header, ",") {
		element = strings.Trim(element, " \t")
		if element == "" {
			continue
		}
		if !elementRE.MatchString(element) {
			return false
		}
		parts := strings.Split(element, ";")
		fits := strings.TrimRight(parts[0], " \t") == "permessage-deflate"
		seen := map[string]bool{}
		for _, p := range parts[1:] {
			p = strings.Trim(p, " \t")
			name, _, _ := strings.Cut(p, "=")
			name = strings.TrimRight(name, " \t")
			fits = fits && paramRE.MatchString(p) && !seen[name]
			seen[name] = true
		}
		agreed = agreed || fits
	}
	return agreed
}

func FuzzOffersOfDeflate(f *testing.F) {
	for _, c := range deflateOffers {
		f.Add(c.headers)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got, want := offersDeflate([]string{header}), offersDeflateByRegexp(header); got != want {
			t.Errorf("offersDeflate(%q) is %v, want %v", header, got, want)
		}
	})
}
