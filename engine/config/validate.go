package config

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"time"
)

// Validate reads the secrets that are in files (ReadFiles), and checks everything that
// the types do not express. The error joins one for each wrong setting, with its name,
// its value and what is allowed. kong calls it after parsing, and engine.New calls it
// again.
func (c *Config) Validate() error {
	if err := ReadFiles(c); err != nil {
		return err
	}
	return errors.Join(c.validateAddresses(), checkRanges(c), c.Access.validate(), c.Public.validate(), c.Streams.validate(), c.Log.validate(), c.validateRest())
}

// checkRanges checks every number against the range tag of its field, such as "0 to 64".
// settings points to a Config or a part of one.
func checkRanges(settings any) error {
	var errs []error
	walk(reflect.ValueOf(settings).Elem(), func(f reflect.StructField, v reflect.Value) {
		text, has := f.Tag.Lookup("range")
		if !has {
			return
		}
		if lo, hi := mustParseRange(text); v.Int() < lo || v.Int() > hi {
			errs = append(errs, fmt.Errorf("%s is %d, allowed is %s", f.Tag.Get("env"), v.Int(), text))
		}
	})
	return errors.Join(errs...)
}

// mustParseRange reads the range tag of a field. It panics if the tag is malformed,
// which the first call of Validate shows.
func mustParseRange(text string) (lo, hi int64) {
	if _, err := fmt.Sscanf(text, "%d to %d", &lo, &hi); err != nil || lo > hi {
		panic(fmt.Sprintf("the tag range:%q is not like \"0 to 64\"", text))
	}
	return lo, hi
}

// validateRest checks settings that depend on each other.
func (c *Config) validateRest() error {
	_, minErr := time.Parse(time.RFC3339, c.ArchiveMinTS)
	open := c.LiveEnabled && c.AuthMode == AuthNone && !c.AuthAllowAnonymous
	isAddr := listener{"HTTP_ADDR", c.HTTPAddr}.check() == nil
	return errors.Join(
		refuseIf(c.Simulate > 0 && c.DatabaseURL != "" && !c.SimulateInDatabase, "SIMULATE is %d and DATABASE_URL is set, which needs SIMULATE_IN_DATABASE: simulated devices and positions would enter that database", c.Simulate),
		refuseIf(minErr != nil, "ARCHIVE_MIN_TS is %q, allowed is an RFC 3339 time", c.ArchiveMinTS),
		refuseIf(!c.LiveEnabled && !c.ArchiveEnabled, "LIVE_ENABLED and ARCHIVE_ENABLED are both off, allowed is one of them or both on"),
		refuseIf(open && isAddr && !c.IsLocal(), "HTTP_ADDR is %q, allowed is a loopback address unless AUTH_MODE or AUTH_ALLOW_ANONYMOUS is set: anybody could watch", c.HTTPAddr),
		refuseIf(open && c.ProxyProtocol, "PROXY_PROTOCOL is set, which needs AUTH_MODE or AUTH_ALLOW_ANONYMOUS: anybody could watch through the proxy"))
}

// MinTS returns ARCHIVE_MIN_TS, which Validate has checked.
func (c *Config) MinTS() time.Time {
	t, _ := time.Parse(time.RFC3339, c.ArchiveMinTS)
	return t
}

// refuseIf returns an error if a setting is wrong, and nil otherwise.
func refuseIf(wrong bool, format string, args ...any) error {
	if !wrong {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// IsLocal reports whether HTTP_ADDR is a loopback address.
func (c *Config) IsLocal() bool { return isLoopback(c.HTTPAddr) }

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// trimmed returns a list without the spaces around its commas.
func trimmed(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.TrimSpace(s)
	}
	return out
}
