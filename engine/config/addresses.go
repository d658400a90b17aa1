package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// validateAddresses checks the addresses of the listeners: their form, and that no two
// of them are the same.
func (c *Config) validateAddresses() error {
	listeners := []listener{{"OPS_ADDR", c.OpsAddr}}
	if c.LiveEnabled {
		listeners = append(listeners, listener{"HTTP_ADDR", c.HTTPAddr})
	}
	if c.RedisURL == "" && c.EmbeddedRedisAddr != "" {
		listeners = append(listeners, listener{"EMBEDDED_REDIS_ADDR", c.EmbeddedRedisAddr})
	}
	var errs []error
	for i, l := range listeners {
		err := l.check()
		for _, other := range listeners[:i] {
			if err == nil && l.overlaps(other) {
				err = fmt.Errorf("%s is %q and %s is %q: they need different ports", other.setting, other.addr, l.setting, l.addr)
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// listener is a setting with an address to listen on.
type listener struct{ setting, addr string }

// check returns an error unless the address is host:port with a valid port. A host
// name is not looked up.
func (l listener) check() error {
	host, port, err := net.SplitHostPort(l.addr)
	switch {
	case err != nil && isPort(l.addr):
		return fmt.Errorf("%s is %q, which is only a port: write 127.0.0.1:%[2]s for this machine alone, or :%[2]s for all addresses", l.setting, l.addr)
	case err != nil && l.addr != "" && !strings.Contains(l.addr, ":"):
		return fmt.Errorf("%s is %q, which has no port: write host:port, such as 127.0.0.1:8080", l.setting, l.addr)
	case err != nil || strings.ContainsAny(host, "/ @"):
		return fmt.Errorf("%s is %q, allowed is host:port, such as 127.0.0.1:8080, [::1]:8080 or :8080", l.setting, l.addr)
	case !isPort(port):
		return fmt.Errorf("%s is %q, whose port is %q: allowed is 0 to 65535", l.setting, l.addr, port)
	}
	return nil
}

// isPort reports whether text is the number or the name of a TCP port.
func isPort(text string) bool {
	if text == "" {
		return false
	}
	if _, err := strconv.Atoi(text); err != nil {
		_, err := net.LookupPort("tcp", text)
		return err == nil
	}
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// overlaps reports whether two valid addresses have the same port on the same host, or
// on all hosts. Port 0 is a free one.
func (l listener) overlaps(other listener) bool {
	host, port, _ := net.SplitHostPort(l.addr)
	otherHost, otherPort, _ := net.SplitHostPort(other.addr)
	if port != otherPort || port == "0" {
		return false
	}
	return canonicalHost(host) == canonicalHost(otherHost) || isEveryHost(host) || isEveryHost(otherHost)
}

func canonicalHost(host string) string {
	if host == "localhost" {
		return "127.0.0.1"
	}
	return host
}

// isEveryHost reports whether a listener with this host listens on all addresses.
func isEveryHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "" || err == nil && a.IsUnspecified()
}
