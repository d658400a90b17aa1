package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Links is what share links are signed and checked with.
type Links struct {
	LinkSecret     Secret `name:"link-secret" env:"LINK_SECRET" help:"Secret of share links, 32 bytes or more, alike on all instances. Unset: JWT_SECRET; without that there are no links."`
	LinkSecretFile string `name:"link-secret-file" env:"LINK_SECRET_FILE" help:"File that holds it instead."`
	JWTSecret      Secret `name:"jwt-secret" env:"JWT_SECRET" help:"HS256 secret of 32 bytes or more, for AUTH_MODE=jwt."`
	JWTSecretFile  string `name:"jwt-secret-file" env:"JWT_SECRET_FILE" help:"File that holds it instead."`
}

// leastSecret is the least length of a secret that signs, in bytes: HS256 is as
// strong as its key, and 32 bytes are what it can use.
const leastSecret = 32

func (c *Links) validate() error {
	var errs []error
	for _, s := range []struct {
		name   string
		secret Secret
		file   string
	}{{"JWT_SECRET", c.JWTSecret, c.JWTSecretFile}, {"LINK_SECRET", c.LinkSecret, c.LinkSecretFile}} {
		if s.secret != "" && s.file != "" {
			errs = append(errs, fmt.Errorf("%s and %[1]s_FILE are both set, allowed is one of them", s.name))
		}
		if n := len(s.secret); n > 0 && n < leastSecret {
			errs = append(errs, fmt.Errorf("%s has %d bytes, allowed are %d or more", s.name, n, leastSecret))
		}
	}
	return errors.Join(errs...)
}

// TokenKey returns the secret of tokens (JWT_SECRET), nil if there is none. It
// reads the file that holds it. The error names the setting.
func (c *Links) TokenKey() ([]byte, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return readSecret("JWT_SECRET", c.JWTSecret, c.JWTSecretFile)
}

// LinkKey returns the secret of share links (LINK_SECRET, or JWT_SECRET), as
// TokenKey does.
func (c *Links) LinkKey() ([]byte, error) {
	if c.LinkSecret == "" && c.LinkSecretFile == "" {
		return c.TokenKey()
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	return readSecret("LINK_SECRET", c.LinkSecret, c.LinkSecretFile)
}

// readSecret reads a secret from its file, if it is in one.
func readSecret(name string, s Secret, file string) ([]byte, error) {
	if file == "" {
		return []byte(s), nil
	}
	b, err := readFile(name+"_FILE", file)
	if err != nil {
		return nil, err
	}
	if b = []byte(strings.TrimRight(string(b), "\r\n")); len(b) < leastSecret {
		return nil, fmt.Errorf("%s_FILE holds %d bytes, allowed are %d or more", name, len(b), leastSecret)
	}
	return b, nil
}

// PublicKeys returns what the file of JWT_PUBLIC_KEY_FILE holds, nil without one.
func (c *Access) PublicKeys() ([]byte, error) {
	if c.JWTPublicKeyFile == "" {
		return nil, nil
	}
	return readFile("JWT_PUBLIC_KEY_FILE", c.JWTPublicKeyFile)
}

func readFile(setting, file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the file of %s: %w", setting, err)
	}
	return b, nil
}
