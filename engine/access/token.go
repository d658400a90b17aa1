package access

import (
	"net/http"
	"slices"
	"strings"
)

// maxToken is the longest token that is looked at, in bytes.
const maxToken = 8 << 10

// bearerProtocol is how a browser sends a token, which can set no header: as
// a subprotocol behind pitwall.v1. It is never answered.
const bearerProtocol = "bearer."

// credential is what a request shows of itself. It is a secret.
type credential struct {
	token         string // a bearer token, wherever it stood
	authorization string // the whole Authorization header
	cookies       string // a Cookie header with the cookies that may be forwarded
}

// isZero reports whether nothing was shown.
func (c credential) isZero() bool { return c == credential{} }

// fitsHeader reports whether it can be sent on in a header, and is not too long. A
// token of the query or of a frame may hold anything.
func (c credential) fitsHeader() bool {
	for _, b := range []byte(c.token + c.authorization + c.cookies) {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return len(c.token) <= maxToken
}

// String keeps the secret out of logs.
func (credential) String() string { return redacted }

const redacted = "[redacted]"

// credentialOf reads what a request shows. The token is taken from the first
// place that has one: Authorization, subprotocol, query, the cookie named. ok
// is false when the request says two things at once, or too much.
func credentialOf(r *http.Request, tokenCookie string, forwarded []string) (c credential, ok bool) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return credential{}, false
	}
	if len(headers) == 1 {
		c.authorization = headers[0]
		if scheme, rest, _ := strings.Cut(headers[0], " "); strings.EqualFold(scheme, "Bearer") {
			c.token = strings.TrimSpace(rest)
		}
	}
	if c.token == "" {
		c.token = subprotocolToken(r)
	}
	if c.token == "" {
		c.token = r.URL.Query().Get("access_token")
	}
	if c.token == "" && tokenCookie != "" {
		if k, err := r.Cookie(tokenCookie); err == nil {
			c.token = k.Value
		}
	}
	c.cookies = cookieHeader(r, forwarded)
	return c, len(c.token) <= maxToken && len(c.authorization) <= maxToken+16 && len(c.cookies) <= maxToken
}

// subprotocolToken returns the token among the subprotocols.
func subprotocolToken(r *http.Request) string {
	for _, h := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(h, ",") {
			if token, found := strings.CutPrefix(strings.TrimSpace(p), bearerProtocol); found {
				return token
			}
		}
	}
	return ""
}

// cookieHeader returns the cookies with these names, in the order of the names, so
// that the same session gives the same text whatever else a browser sends.
func cookieHeader(r *http.Request, names []string) string {
	var out []string
	cookies := r.Cookies()
	for _, name := range names {
		i := slices.IndexFunc(cookies, func(k *http.Cookie) bool { return k.Name == name })
		if i >= 0 {
			out = append(out, name+"="+cookies[i].Value)
		}
	}
	return strings.Join(out, "; ")
}
