package origin

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"https://maps.example", "https://maps.example"},
		{"HTTPS://Maps.Example.:443", "https://maps.example"},
		{"http://maps.example:80", "http://maps.example"},
		{"http://maps.example:443", "http://maps.example:443"},
		{"https://maps.example:8443", "https://maps.example:8443"},
		{"https://maps.example:08443", "https://maps.example:8443"},
		{"http://[0:0::1]:80", "http://[::1]"},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"capacitor://localhost", "capacitor://localhost"},
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"", ""}, {"null", ""}, {"maps.example", ""}, {"https://", ""}, {"https:maps.example", ""}, {"file:///x", ""},
		{"https://maps.example/", ""}, {"https://maps.example/x", ""}, {"https://maps.example?x", ""}, {"https://maps.example?", ""},
		{"https://maps.example#", ""}, {"https://user@maps.example", ""}, {"https://maps.example:", ""}, {"https://maps.example:0", ""},
		{"https://maps.example:65536", ""}, {"https://maps.example:x", ""}, {"https://*.example", ""}, {"https://bücher.example", ""},
		{"https://maps.example, https://evil.example", ""}, {"https://maps.example evil.example", ""}, {"https://[evil]", ""},
		{"https://maps.example;x", ""}, {"https://%6daps.example", ""}, {"https://.", ""},
	} {
		o, err := Parse(c.text)
		if (err == nil) != (c.want != "") || err == nil && o.String() != c.want {
			t.Errorf("Parse(%q) = %q, %v; want %q", c.text, o, err, c.want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		origin, host string
		secure, want bool
	}{
		{"https://live.example", "live.example", true, true},
		{"https://live.example", "Live.Example", true, true},
		{"https://live.example", "live.example:443", true, true},
		{"https://live.example:443", "live.example", true, true},
		{"https://live.example", "live.example.", true, true},
		{"https://live.example.", "live.example", true, true},
		{"https://live.example", "live.example.:443", true, true},
		{"https://live.example:8443", "live.example:8443", true, true},
		{"http://live.example", "live.example:80", false, true},
		{"http://live.example", "live.example", false, true},
		{"http://[::1]:8080", "[0::1]:8080", false, true},
		{"https://live.example", "live.example", false, true}, // a proxy has ended TLS
		{"http://live.example", "live.example", true, false},  // somebody on the network path may have written the page
		{"http://live.example:443", "live.example:443", true, false},
		{"https://live.example", "live.example:80", false, false},
		{"http://live.example", "live.example:443", false, false},
		{"https://live.example:8443", "live.example", true, false},
		{"https://live.example", "evil.example", true, false},
		{"https://evil-live.example", "live.example", true, false},
		{"https://live.example.evil.example", "live.example", true, false},
		{"ftp://live.example", "live.example", false, false},
		{"https://live.example", "", true, false},
		{"https://live.example", "live.example:", true, false},
	} {
		o, err := Parse(c.origin)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Matches(c.host, c.secure); got != c.want {
			t.Errorf("a page of %s, sent to %q, over TLS %v: match %v, want %v", c.origin, c.host, c.secure, got, c.want)
		}
	}
}

func TestList(t *testing.T) {
	l, err := ParseList([]string{" maps.example", "", "https://Club.example:8443/", "http://plain.example", "localhost:3000", "127.0.0.1", "[::1]:3000", "capacitor://localhost"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"https://maps.example": true, "http://maps.example": false, "https://maps.example:8443": false,
		"https://club.example:8443": true, "http://club.example:8443": false, "https://club.example": false,
		"http://plain.example": true, "https://plain.example": false,
		"http://localhost:3000": true, "https://localhost:3000": true, "http://localhost": false,
		"http://127.0.0.1": true, "http://[::1]:3000": true, "capacitor://localhost": true, "ionic://localhost": false,
	} {
		o, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Contains(o); got != want {
			t.Errorf("contains %s: %v, want %v", text, got, want)
		}
	}
	for host, want := range map[string]bool{
		"maps.example": true, "Maps.Example.:80": true, "club.example": true, "localhost:1": true, "[::1]": true,
		"evil.example": false, "maps.example.evil.example": false, "": false, "maps.example:x": false,
	} {
		if got := l.ContainsHost(host); got != want {
			t.Errorf("contains the host %q: %v, want %v", host, got, want)
		}
	}
	if l.Any() || l.Empty() {
		t.Error("the list is empty, or allows any")
	}
	if l, err := ParseList([]string{"*", "maps.example"}); err != nil || !l.Any() || l.Empty() || len(l.load().all) != 1 {
		t.Errorf("%v, %v", l, err)
	}
	if l, err := ParseList(nil); err != nil || l.Any() || !l.Empty() {
		t.Errorf("%v, %v", l, err)
	}
	for _, bad := range []string{"https://maps.example/page", "*.example", "maps.example/", "null", "a b", "https://u:p@maps.example", "maps.example:99999", "a;b"} {
		_, err := ParseList([]string{bad})
		if known := bad == "maps.example/" || bad == "null"; (err == nil) != known {
			t.Errorf("%q: %v", bad, err)
		} else if err != nil && !strings.Contains(err.Error(), "not an origin") {
			t.Errorf("%q: %v does not name the fault", bad, err)
		}
	}
}

func TestParseSources(t *testing.T) {
	got, err := ParseSources([]string{"club.example", " https://*.club.example ", "*.b.example:8443", "http://plain.example/", "localhost:3000", "", "*"})
	want := []string{"https://club.example", "https://*.club.example", "https://*.b.example:8443", "http://plain.example",
		"https://localhost:3000", "http://localhost:3000", "*"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	for _, bad := range []string{"https://a.*.example", "*.*.example", "*.", "https://*", "'none'", "a.example; script-src *", "a.example b.example", "https:", "data:"} {
		if got, err := ParseSources([]string{bad}); err == nil {
			t.Errorf("%q is read as %q", bad, got)
		}
	}
}
