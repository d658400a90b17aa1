package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Links holds the secrets that share links are signed and verified with.
type Links struct {
	LinkSecret             Secret `name:"link-secret" env:"LINK_SECRET" help:"Secret of share links, 32 bytes or more, the same on all instances. Unset: JWT_SECRET; without that there are no links."`
	LinkSecretFile         string `name:"link-secret-file" env:"LINK_SECRET_FILE" help:"File that holds LINK_SECRET instead."`
	LinkSecretPrevious     Secret `name:"link-secret-previous" env:"LINK_SECRET_PREVIOUS" help:"The secret of share links before the present one. Links that were signed with it stay valid; new ones are never signed with it."`
	LinkSecretPreviousFile string `name:"link-secret-previous-file" env:"LINK_SECRET_PREVIOUS_FILE" help:"File that holds LINK_SECRET_PREVIOUS instead."`
	JWTSecret              Secret `name:"jwt-secret" env:"JWT_SECRET" help:"HS256 secret of 32 bytes or more, for AUTH_MODE=jwt."`
	JWTSecretFile          string `name:"jwt-secret-file" env:"JWT_SECRET_FILE" help:"File that holds JWT_SECRET instead."`
}

// minSecret is the least length of a secret that signs, in bytes: the length of an
// HS256 key (RFC 7518, section 3.2).
const minSecret = 32

func (c *Links) validate() error {
	noKey := !c.hasLinkSecret() && c.JWTSecret == "" && c.JWTSecretFile == ""
	return errors.Join(
		validateSecret("JWT_SECRET", c.JWTSecret, c.JWTSecretFile), validateSecret("LINK_SECRET", c.LinkSecret, c.LinkSecretFile),
		validateSecret("LINK_SECRET_PREVIOUS", c.LinkSecretPrevious, c.LinkSecretPreviousFile),
		refuseIf(noKey && c.hasPreviousLinkSecret(), "LINK_SECRET_PREVIOUS is set, which needs LINK_SECRET or JWT_SECRET: new links are signed with those"))
}

func validateSecret(name string, s Secret, file string) error {
	return errors.Join(
		refuseIf(s != "" && file != "", "%s and %[1]s_FILE are both set, allowed is one of them", name),
		refuseIf(s != "" && len(s) < minSecret, "%s has %d bytes, allowed are %d or more", name, len(s), minSecret))
}

// LinkKey returns the secret of share links: LINK_SECRET, otherwise JWT_SECRET; empty
// if there is none. It reads the file that holds it. The error names the setting.
func (c *Links) LinkKey() ([]byte, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.hasLinkSecret() {
		return readSecret("LINK_SECRET", c.LinkSecret, c.LinkSecretFile)
	}
	return readSecret("JWT_SECRET", c.JWTSecret, c.JWTSecretFile)
}

// hasLinkSecret reports whether links have a secret of their own.
func (c *Links) hasLinkSecret() bool { return c.LinkSecret != "" || c.LinkSecretFile != "" }

// hasPreviousLinkSecret reports whether links of an earlier secret stay valid.
func (c *Links) hasPreviousLinkSecret() bool {
	return c.LinkSecretPrevious != "" || c.LinkSecretPreviousFile != ""
}

// readSecret returns a secret, from its file if it is in one.
func readSecret(name string, s Secret, file string) ([]byte, error) {
	if file == "" {
		return []byte(s), nil
	}
	b, err := readFile(name+"_FILE", file)
	if err != nil {
		return nil, err
	}
	b = []byte(strings.TrimRight(string(b), "\r\n"))
	return b, refuseIf(len(b) < minSecret, "%s_FILE holds %d bytes, allowed are %d or more", name, len(b), minSecret)
}

func readFile(setting, file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the file of %s: %w", setting, err)
	}
	return b, nil
}
