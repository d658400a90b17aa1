package access

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestTokenSources(t *testing.T) {
	for _, c := range []struct {
		name    string
		request *http.Request
		want    string
	}{
		{"nowhere", newRequest("/live"), ""},
		{"a header", newRequest("/live", "Authorization", "Bearer a.b.c"), "a.b.c"},
		{"the scheme in lower case", newRequest("/live", "Authorization", "bearer  a.b.c "), "a.b.c"},
		{"another scheme", newRequest("/live", "Authorization", "Basic YTpi"), ""},
		{"a cookie", newRequest("/live", "Cookie", "x=1; pitwall_token=a.b.c"), "a.b.c"},
		{"a subprotocol", newRequest("/live", "Sec-WebSocket-Protocol", "pitwall.v1, bearer.a.b.c"), "a.b.c"},
		{"a subprotocol, in the other order", newRequest("/live", "Sec-WebSocket-Protocol", "bearer.a.b.c,pitwall.v1"), "a.b.c"},
		{"two lines of subprotocols", newRequest("/live", "Sec-WebSocket-Protocol", "pitwall.v1", "Sec-WebSocket-Protocol", "bearer.a.b.c"), "a.b.c"},
		{"the query", newRequest("/live?batch=1&access_token=a.b.c"), "a.b.c"},
		{"the header goes first", newRequest("/live?access_token=q", "Authorization", "Bearer h", "Cookie", "pitwall_token=c"), "h"},
		{"then the subprotocol", newRequest("/live?access_token=q", "Sec-WebSocket-Protocol", "bearer.s", "Cookie", "pitwall_token=c"), "s"},
		{"then the query", newRequest("/live?access_token=q", "Cookie", "pitwall_token=c"), "q"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := credentialOf(c.request, "pitwall_token", nil)
			if !ok || got.token != c.want {
				t.Errorf("got token %q, %v; want %q, true", got.token, ok, c.want)
			}
		})
	}
}

func TestOversizedCredentialsAreRefused(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"two headers":      newRequest("/live", "Authorization", "Bearer a", "Authorization", "Bearer b"),
		"a long token":     newRequest("/live?access_token=" + strings.Repeat("x", maxToken+1)),
		"a long header":    newRequest("/live", "Authorization", "Basic "+strings.Repeat("x", maxToken+17)),
		"cookies too long": newRequest("/live", "Cookie", "sid="+strings.Repeat("x", maxToken+1)),
	} {
		if _, ok := credentialOf(r, "", []string{"sid"}); ok {
			t.Errorf("%s: accepted, want it refused", name)
		}
	}
}

func TestOnlyNamedCookiesAreForwarded(t *testing.T) {
	r := newRequest("/live", "Cookie", "tracker=1; b=2; sid=3; sid=4; a=5")
	got, _ := credentialOf(r, "", []string{"sid", "a", "missing"})
	if want := "sid=3; a=5"; got.cookies != want {
		t.Errorf("got cookies %q, want %q", got.cookies, want)
	}
}

func TestCredentialsAreNotPrinted(t *testing.T) {
	c := credential{token: "hush", authorization: "Bearer hush", cookies: "sid=hush"}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%v", c), fmt.Sprintf("%+v", c)} {
		if strings.Contains(text, "hush") {
			t.Errorf("printed as %s, want it without the secret", text)
		}
	}
}
