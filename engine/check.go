package engine

import (
	"errors"
	"fmt"

	"pitwall/engine/access"
	"pitwall/engine/config"
	"pitwall/engine/front"
)

// Check checks what New and Run check before they connect to anything: the
// settings, and the files that they name. The error names each setting that is
// wrong.
func Check(c *config.Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	keys, err := c.ReadKeys()
	if keys.Public != nil {
		if _, wrong := access.ParseKeys(keys.Public); wrong != nil {
			err = errors.Join(err, fmt.Errorf("JWT_PUBLIC_KEY_FILE holds %w", wrong))
		}
	}
	if c.TLSCertFile != "" {
		err = errors.Join(err, front.CheckCertificate(c.TLSCertFile, c.TLSKeyFile))
	}
	return err
}
