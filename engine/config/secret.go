package config

import (
	"log/slog"
	"net/url"
	"strings"
)

// Secret is a setting that is not printed, whatever prints it.
type Secret string

const redacted = "[redacted]"

// String returns a word in place of the secret, "" for none.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing it.
func (s Secret) GoString() string { return s.String() }

// LogValue keeps loggers from printing it.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps encoders from printing it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// SecretURL is a setting that may hold a password. It prints as a URL without
// its secrets: scheme and host, and the names of what its query says. The path
// is shown where it names a database or a socket; that of a web address may be
// a secret of its own.
type SecretURL string

// String returns what may be shown. What is no URL, or one in which a special
// character of a password may have ended the host early, is not shown at all.
func (s SecretURL) String() string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(string(s))
	if err != nil || u.Scheme == "" || u.Opaque != "" || u.Fragment != "" || strings.Contains(u.Host+u.Path+u.RawQuery, "@") {
		return redacted
	}
	shown := u.Scheme + "://"
	if u.User != nil {
		shown += redacted + "@"
	}
	shown += u.Host + shownPath(u)
	for i, part := range strings.Split(u.RawQuery, "&") {
		name, _, named := strings.Cut(part, "=")
		switch {
		case part == "":
			continue
		case named:
			part = name + "=" + redacted
		default:
			part = redacted
		}
		shown += map[bool]string{true: "?", false: "&"}[i == 0] + part
	}
	return shown
}

func shownPath(u *url.URL) string {
	path := u.EscapedPath()
	switch u.Scheme {
	case "redis", "rediss", "unix", "postgres", "postgresql":
		return path
	}
	if path == "" || path == "/" {
		return path
	}
	return "/" + redacted
}

// GoString keeps %#v from printing it.
func (s SecretURL) GoString() string { return s.String() }

// LogValue keeps loggers from printing it.
func (s SecretURL) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps encoders from printing it.
func (s SecretURL) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
