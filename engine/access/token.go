package access

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// maxToken is the longest accepted token, in bytes.
const maxToken = 8 << 10

// bearerProtocol is the prefix of the subprotocol in which browsers send a token,
// because they cannot set headers. The server never selects it.
const bearerProtocol = "bearer."

// credential holds the credentials of a request. They are secrets.
type credential struct {
	token         string // the bearer token, from any place
	authorization string // the whole Authorization header
	cookies       string // a Cookie header with the cookies to forward
}

// isZero reports whether the request has no credentials.
func (c credential) isZero() bool { return c == credential{} }

// fitsHeader reports whether the credentials can be forwarded in headers and are not
// too long. A token from the query or from a frame may hold any bytes.
func (c credential) fitsHeader() bool {
	for _, b := range []byte(c.token + c.authorization + c.cookies) {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return len(c.token) <= maxToken
}

// String keeps the secrets out of logs.
func (credential) String() string { return "[redacted]" }

// credentialOf reads the credentials of a request. The token is from the first place
// that has one: Authorization, subprotocol, query, cookie. ok is false if there are
// several Authorization headers, or one of the credentials is too long.
func credentialOf(r *http.Request, tokenCookie string, forwarded []string) (c credential, ok bool) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return credential{}, false
	}
	c.authorization, c.cookies = strings.Join(headers, ""), cookieHeader(r, forwarded)
	if scheme, rest, _ := strings.Cut(c.authorization, " "); strings.EqualFold(scheme, "Bearer") {
		c.token = strings.TrimSpace(rest)
	}
	if c.token == "" {
		c.token = cmp.Or(subprotocolToken(r), r.URL.Query().Get("access_token"), cookieToken(r, tokenCookie))
	}
	return c, len(c.token) <= maxToken && len(c.authorization) <= maxToken+16 && len(c.cookies) <= maxToken
}

// cookieToken returns the value of the cookie with this name, "" if there is none.
func cookieToken(r *http.Request, name string) string {
	if k, err := r.Cookie(name); err == nil {
		return k.Value
	}
	return ""
}

// subprotocolToken returns the token among the subprotocols, "" if there is none.
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

// cookieHeader returns a Cookie header with the named cookies, always in the order of
// names. So equal cookies always give the same text, which is part of a cache key.
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
