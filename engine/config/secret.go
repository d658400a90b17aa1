package config

import (
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// Secret is a setting whose value is never printed.
type Secret string

const redacted = "[redacted]"

// String returns a placeholder, or "" if there is no secret.
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

// SecretURL is a URL that may hold secrets. Only its scheme, its host and the names
// of its query parameters are printed. The path is printed if it names a database or
// a socket; the path of a web address may be a secret.
type SecretURL string

// String returns the part that may be printed. Nothing of an invalid URL is printed,
// nor of one in which a special character of a password may have ended the host
// early.
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
	if u.RawQuery == "" {
		return shown
	}
	parts := strings.Split(u.RawQuery, "&")
	for i, part := range parts {
		name, _, named := strings.Cut(part, "=")
		parts[i] = redacted
		if named {
			parts[i] = name + "=" + redacted
		}
	}
	return shown + "?" + strings.Join(parts, "&")
}

// shownPath returns the path if it is that of a database or a socket, or is empty.
func shownPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" || path == "/" || slices.Contains([]string{"redis", "rediss", "unix", "postgres", "postgresql"}, u.Scheme) {
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
