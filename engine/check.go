package engine

import (
	"errors"
	"fmt"

	"pitwall/engine/access"
	"pitwall/engine/config"
	"pitwall/engine/front"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/redis"
)

// Check checks everything that can be checked without connecting to anything: the
// settings, and the files that they name. New calls it, so that `pitwall config` and
// `pitwall serve` fail with the same words. The error names each setting that is
// wrong.
func Check(c *config.Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	var errs []error
	if c.RedisURL != "" {
		errs = append(errs, redis.CheckURL(string(c.RedisURL)))
	}
	errs = append(errs, db.CheckOptions(c.DatabaseOptions(nil)))
	keys, err := c.ReadKeys()
	if keys.Public != nil {
		if _, wrong := access.ParseKeys(keys.Public); wrong != nil {
			err = errors.Join(err, fmt.Errorf("JWT_PUBLIC_KEY_FILE holds %w", wrong))
		}
	}
	if c.TLSCertFile != "" {
		err = errors.Join(err, front.CheckCertificate(c.TLSCertFile, c.TLSKeyFile))
	}
	return errors.Join(append(errs, err)...)
}
