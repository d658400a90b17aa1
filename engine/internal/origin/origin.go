// Package origin compares the origin of a page (header Origin) with the host that a
// request was sent to (header Host). The public listener, the private listener and the
// live server share it, so that they agree. It also detects the headers that proxies
// add.
//
// Origins are compared as in RFC 6454: scheme, host and port, each in its canonical
// form. A final dot of a host is ignored, because it names the same machine.
//
// The package uses no network and keeps no state. Any goroutine may call it.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Origin is a web origin: scheme, host and port. The zero value is no origin.
type Origin struct{ scheme, host, port string }

// defaultPorts are left out of origins and of Host headers.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// Parse reads an origin as in the header Origin, such as https://maps.example:8443.
// "null" is an error.
func Parse(text string) (Origin, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return Origin{}, fmt.Errorf("%q is not an origin like https://maps.example", text)
	}
	o := Origin{scheme: strings.ToLower(u.Scheme)} // url.Parse has checked its letters
	if o.host, o.port, err = splitHost(u.Host, o.scheme); err != nil {
		return Origin{}, fmt.Errorf("%q is not an origin: %w", text, err)
	}
	return o, nil
}

// String returns the origin as browsers write it.
func (o Origin) String() string {
	host := o.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if o.port != "" && o.port != defaultPorts[o.scheme] {
		host += ":" + o.port
	}
	return o.scheme + "://" + host
}

// Matches reports whether a page of this origin has sent its request to its own server.
// host is the Host header. secure means that the request is known to have come over TLS:
// a page over plain HTTP is then of another origin. The scheme https always matches,
// because a proxy that terminates TLS may not report it.
func (o Origin) Matches(host string, secure bool) bool {
	if o.scheme != "https" && (o.scheme != "http" || secure) {
		return false
	}
	name, port, err := splitHost(host, o.scheme)
	return err == nil && name == o.host && port == o.port
}

// splitHost returns host and port in canonical form. A missing port is the default
// port of the scheme, "" if it has none.
func splitHost(text, scheme string) (host, port string, err error) {
	host, port = text, defaultPorts[scheme]
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		host = text[:i]
		n, err := strconv.ParseUint(text[i+1:], 10, 16)
		if err != nil || n == 0 {
			return "", "", errors.New("its port is invalid")
		}
		port = strconv.FormatUint(n, 10)
	}
	if literal, ok := strings.CutPrefix(host, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		if err != nil || !a.Is6() {
			return "", "", errors.New("its host is not an IPv6 address")
		}
		return a.String(), port, nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, r := range host {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-._", r) {
			return "", "", errors.New("its host has characters other than letters, digits, dots, hyphens and underscores (write them as xn--…)")
		}
	}
	if host == "" {
		return "", "", errors.New("it has no host")
	}
	return host, port, nil
}
