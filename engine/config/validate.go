package config

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Validate checks what the types do not say. The error joins one for each wrong
// setting, with its name, its value and what is allowed. kong calls it after
// parsing; engine.New does as well.
func (c *Config) Validate() error {
	return errors.Join(c.validateRanges(), c.Access.validate(), c.Public.validate(), c.Streams.validate(), c.Log.validate(), c.validateRest())
}

// validateRanges checks every number against the tag range of its field, such as
// "0 to 64".
func (c *Config) validateRanges() error {
	var errs []error
	walk(reflect.ValueOf(c).Elem(), func(f reflect.StructField, v reflect.Value) {
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

// mustParseRange reads the tag range of a field. It panics on one that is
// wrong, which any call of Validate finds.
func mustParseRange(text string) (lo, hi int64) {
	from, to, found := strings.Cut(text, " to ")
	lo, err := strconv.ParseInt(from, 10, 64)
	hi, err2 := strconv.ParseInt(to, 10, 64)
	if !found || err != nil || err2 != nil || lo > hi {
		panic(fmt.Sprintf("the tag range:%q is none like \"0 to 64\"", text))
	}
	return lo, hi
}

// validateRest checks how the parts go together.
func (c *Config) validateRest() error {
	var errs []error
	if _, err := time.Parse(time.RFC3339, c.ArchiveMinTS); err != nil {
		errs = append(errs, fmt.Errorf("ARCHIVE_MIN_TS is %q, allowed is an RFC 3339 time", c.ArchiveMinTS))
	}
	if !c.LiveEnabled && !c.ArchiveEnabled {
		errs = append(errs, errors.New("LIVE_ENABLED and ARCHIVE_ENABLED are both off, allowed is one of them or both on"))
	}
	if c.LiveEnabled && c.AuthMode == AuthNone && !c.AuthAllowAnonymous && !c.IsLocal() {
		errs = append(errs, fmt.Errorf("HTTP_ADDR is %q, allowed is a loopback address unless AUTH_MODE or AUTH_ALLOW_ANONYMOUS is set: anybody could watch", c.HTTPAddr))
	}
	if c.LiveEnabled && c.AuthMode == AuthNone && !c.AuthAllowAnonymous && c.ProxyProtocol {
		errs = append(errs, errors.New("PROXY_PROTOCOL is set, which needs AUTH_MODE or AUTH_ALLOW_ANONYMOUS: through the proxy anybody could watch"))
	}
	return errors.Join(errs...)
}

// IsLocal reports whether HTTP_ADDR is a loopback address.
func (c *Config) IsLocal() bool { return isLoopback(c.HTTPAddr) }

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// trimmed is a list without the spaces that may stand around its commas.
func trimmed(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.TrimSpace(s)
	}
	return out
}
