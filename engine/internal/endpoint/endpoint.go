// Package endpoint checks the URLs of the services that access control uses: the
// platform, and the server that publishes its keys. The settings and package access
// share it, so that they agree on what is allowed. It also keeps URLs out of errors.
//
// It does not use the network: only localhost and loopback addresses count as this
// machine, whatever other names resolve to. Any goroutine may call it.
package endpoint

import (
	"errors"
	"net"
	"net/url"
)

// Check accepts http and https URLs without a fragment. With private, only https or
// a host that is this machine is accepted, so that nobody can change the answer on
// the way. The error does not quote the URL, which may hold a password.
func Check(text string, private bool) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" {
		return errors.New("not an http or https URL")
	}
	if private && u.Scheme != "https" && !isLocal(u.Hostname()) {
		return errors.New("neither https nor on loopback")
	}
	return nil
}

// WithoutURL removes the URL, which may hold a secret, from an error of net/http.
func WithoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func isLocal(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
