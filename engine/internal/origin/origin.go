// Package origin compares what browsers say about where a request comes from
// and where it was sent: Origin and Host. The public and the private listener
// and the live server share it, so that they agree.
//
// It also detects the headers that proxies add. No function uses the network or keeps
// state, so any goroutine may call any of them.
//
// Names are compared as RFC 6454 does: scheme, host and port, each in its
// usual form. A dot at the end of a host is left out, since it names the same
// machine.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Origin is what a browser keeps apart from other origins. The zero value is
// no origin.
type Origin struct{ scheme, host, port string }

// defaultPorts are left out of origins and of Host headers.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// Parse reads an origin as it is written in the header of that name, such as
// https://maps.example:8443. "null" is none.
func Parse(text string) (Origin, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return Origin{}, fmt.Errorf("%q is no origin like https://maps.example", text)
	}
	o := Origin{scheme: strings.ToLower(u.Scheme)} // url.Parse has checked its letters
	if o.host, o.port, err = splitHost(u.Host, o.scheme); err != nil {
		return Origin{}, fmt.Errorf("%q is no origin: %w", text, err)
	}
	return o, nil
}

// String is the origin as a browser writes it.
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

// Matches reports whether a page of this origin comes from where its request was
// sent: host is the Host header. secure says that the request is known to have
// come over TLS; a page that did not is another origin then. One over TLS is
// always taken for the same: a proxy that ends TLS need not say so.
func (o Origin) Matches(host string, secure bool) bool {
	if o.scheme != "https" && (o.scheme != "http" || secure) {
		return false
	}
	name, port, err := splitHost(host, o.scheme)
	return err == nil && name == o.host && port == o.port
}

// splitHost returns host and port in their usual form. The port that is not
// written is the scheme's, "" for a scheme that has none.
func splitHost(text, scheme string) (host, port string, err error) {
	host, port = text, defaultPorts[scheme]
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		host = text[:i]
		n, err := strconv.ParseUint(text[i+1:], 10, 16)
		if err != nil || n == 0 {
			return "", "", errors.New("its port is none")
		}
		port = strconv.FormatUint(n, 10)
	}
	if literal, ok := strings.CutPrefix(host, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		if err != nil || !a.Is6() {
			return "", "", errors.New("its host is no IPv6 address")
		}
		return a.String(), port, nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, r := range host {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-._", r) {
			return "", "", errors.New("its host has other characters than letters, digits, dots and hyphens (write xn--… for those)")
		}
	}
	if host == "" {
		return "", "", errors.New("it has no host")
	}
	return host, port, nil
}
