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
		want    int
	}{
		{"a direct client", false, "", 0},
		{"a proxy that nobody has announced", false, "X-Forwarded-For", http.StatusUnauthorized},
		{"the standard header of a proxy", false, "Forwarded", http.StatusUnauthorized},
		{"a proxy that was announced", true, "X-Forwarded-For", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/live", nil)
			if c.header != "" {
				r.Header.Set(c.header, "for=192.0.2.1")
			}
			if _, got := (Anonymous{Proxied: c.proxied}).Authenticate(r); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}
