package engine

import (
	"errors"
	"fmt"

	"pitwall/engine/access"
	"pitwall/engine/config"
	"pitwall/engine/front"
)

// Check checks what New and Run would check before they open anything: the
// settings, and the files that they name. The error names each setting that is
// wrong.
func Check(c *config.Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	_, errToken := c.TokenKey()
	_, errLink := c.LinkKey()
	errs := []error{errToken, errLink}
	keys, err := c.PublicKeys()
	if keys != nil {
		if _, err = access.ParseKeys(keys); err != nil {
			err = fmt.Errorf("JWT_PUBLIC_KEY_FILE holds %w", err)
		}
	}
	errs = append(errs, err)
	if c.TLSCertFile != "" {
		errs = append(errs, front.CheckCertificate(c.TLSCertFile, c.TLSKeyFile))
	}
	return errors.Join(errs...)
}
