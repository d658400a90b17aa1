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
		{"nowhere", asks("/live"), ""},
		{"a header", asks("/live", "Authorization", "Bearer a.b.c"), "a.b.c"},
		{"the scheme is written in any way", asks("/live", "Authorization", "bearer  a.b.c "), "a.b.c"},
		{"another scheme", asks("/live", "Authorization", "Basic YTpi"), ""},
		{"a cookie", asks("/live", "Cookie", "x=1; pitwall_token=a.b.c"), "a.b.c"},
		{"a subprotocol", asks("/live", "Sec-WebSocket-Protocol", "pitwall.v1, bearer.a.b.c"), "a.b.c"},
		{"a subprotocol, the other way round", asks("/live", "Sec-WebSocket-Protocol", "bearer.a.b.c,pitwall.v1"), "a.b.c"},
		{"two lines of subprotocols", asks("/live", "Sec-WebSocket-Protocol", "pitwall.v1", "Sec-WebSocket-Protocol", "bearer.a.b.c"), "a.b.c"},
		{"the query", asks("/live?batch=1&access_token=a.b.c"), "a.b.c"},
		{"the header goes first", asks("/live?access_token=q", "Authorization", "Bearer h", "Cookie", "pitwall_token=c"), "h"},
		{"then the subprotocol", asks("/live?access_token=q", "Sec-WebSocket-Protocol", "bearer.s", "Cookie", "pitwall_token=c"), "s"},
		{"then the query", asks("/live?access_token=q", "Cookie", "pitwall_token=c"), "q"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := credentialOf(c.request, "pitwall_token", nil)
			if !ok || got.token != c.want {
				t.Errorf("token %q, %v, want %q", got.token, ok, c.want)
			}
		})
	}
}

func TestOversizedCredentialsAreRefused(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"two headers":      asks("/live", "Authorization", "Bearer a", "Authorization", "Bearer b"),
		"a long token":     asks("/live?access_token=" + strings.Repeat("x", maxToken+1)),
		"a long header":    asks("/live", "Authorization", "Basic "+strings.Repeat("x", maxToken+17)),
		"cookies too long": asks("/live", "Cookie", "sid="+strings.Repeat("x", maxToken+1)),
	} {
		if _, ok := credentialOf(r, "", []string{"sid"}); ok {
			t.Errorf("%s is looked at", name)
		}
	}
}

func TestOnlyNamedCookiesAreForwarded(t *testing.T) {
	r := asks("/live", "Cookie", "tracker=1; b=2; sid=3; sid=4; a=5")
	got, _ := credentialOf(r, "", []string{"sid", "a", "missing"})
	if want := "sid=3; a=5"; got.cookies != want {
		t.Errorf("cookies %q, want %q", got.cookies, want)
	}
}

func TestCredentialsAreNotPrinted(t *testing.T) {
	c := credential{token: "hush", authorization: "Bearer hush", cookies: "sid=hush"}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%v", c), fmt.Sprintf("%+v", c)} {
		if strings.Contains(text, "hush") {
			t.Errorf("printed as %s", text)
		}
	}
}
