package access

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAnonymousAndProxies(t *testing.T) {
	for _, c := range []struct {
		name    string
		proxied bool
		header  string
		value   string
		want    int
	}{
		{"a direct client", false, "", "", 0},
		{"a proxy that nobody has announced", false, "X-Forwarded-For", "192.0.2.1", http.StatusUnauthorized},
		{"the standard header of a proxy", false, "Forwarded", "for=192.0.2.1", http.StatusUnauthorized},
		{"a header that few proxies send", false, "X-Forwarded-Port", "443", http.StatusUnauthorized},
		{"a header without a value", false, "X-Forwarded-For", "", http.StatusUnauthorized},
		{"what every proxy has to send", false, "Via", "1.1 proxy", http.StatusUnauthorized},
		{"a proxy that was announced", true, "X-Forwarded-For", "192.0.2.1", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/live", nil)
			if c.header != "" {
				r.Header.Set(c.header, c.value)
			}
			if _, got := (Anonymous{Proxied: c.proxied}).Authenticate(r); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}
