// Package endpoint checks the URLs of the services that Pitwall asks about
// access: the platform, and whoever publishes its keys. The settings and the
// package that asks share it, so that they agree on what is allowed.
//
// It asks the network for nothing. Any goroutine may call it. Names are not
// looked up: a host is this machine only if it says so itself.
package endpoint

import (
	"errors"
	"net"
	"net/url"
)

// Check accepts http and https URLs without a fragment. With private the way
// there has to be safe as well: https, or a host that is this machine. The error
// does not quote the URL, which may hold a password.
func Check(text string, private bool) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" {
		return errors.New("no http or https URL")
	}
	if private && u.Scheme != "https" && !isLocal(u.Hostname()) {
		return errors.New("neither https nor on loopback")
	}
	return nil
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
