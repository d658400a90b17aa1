package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"pitwall/engine/internal/redis"
)

// Streams says which streams of which Redis are meant.
type Streams struct {
	RedisURL SecretURL `name:"redis-url" env:"REDIS_URL" placeholder:"URL" help:"Redis 7.0 or later, or Valkey: redis://, rediss:// (TLS) or unix://; Sentinels with ?master_set=name, a Cluster by any of its nodes. Unset: an embedded one."`

	EmbeddedRedisAddr     string `name:"embedded-redis-addr" env:"EMBEDDED_REDIS_ADDR" default:"127.0.0.1:6390" help:"Where the embedded Redis listens. A loopback address, unless EMBEDDED_REDIS_ALLOW_REMOTE is set."`
	EmbeddedRedisRemote   bool   `name:"embedded-redis-allow-remote" env:"EMBEDDED_REDIS_ALLOW_REMOTE" help:"Let the embedded Redis listen where other machines reach it. Needs EMBEDDED_REDIS_PASSWORD; nothing is encrypted."`
	EmbeddedRedisPassword Secret `name:"embedded-redis-password" env:"EMBEDDED_REDIS_PASSWORD" help:"Password of the embedded Redis, 16 bytes or more. Unset: none."`

	TelemetryStreams []string `name:"telemetry-streams" env:"TELEMETRY_STREAMS" default:"telemetry:t" help:"Stream keys, comma separated. All records of a device go to the same key."`
}

// StreamKeys are TELEMETRY_STREAMS without the spaces around them.
func (c *Streams) StreamKeys() []string { return trimmed(c.TelemetryStreams) }

func (c *Streams) validate() error {
	var errs []error
	keys := c.StreamKeys()
	if len(keys) == 0 {
		errs = append(errs, errors.New("TELEMETRY_STREAMS is empty, allowed is one stream key or more"))
	}
	seen := map[string]bool{}
	for _, k := range keys {
		if k == "" || seen[k] || !isPrintable(k) { // keys are labels of metrics, which cannot hold everything
			errs = append(errs, fmt.Errorf("TELEMETRY_STREAMS has %q, allowed are different keys of printable characters", k))
		}
		seen[k] = true
	}
	for _, k := range keys {
		for _, of := range keys {
			if redis.IsDeadKey(k, of) {
				errs = append(errs, fmt.Errorf("TELEMETRY_STREAMS has %q, allowed is no key that holds the dead letters of another, which %q is", k, of))
			}
		}
	}
	return errors.Join(append(errs, c.validateEmbedded())...)
}

// validateEmbedded checks who can reach the embedded Redis: whoever does may
// read and write every position.
func (c *Streams) validateEmbedded() error {
	var errs []error
	const leastPassword = 16
	if c.RedisURL != "" {
		return nil
	}
	if n := len(c.EmbeddedRedisPassword); n > 0 && n < leastPassword {
		errs = append(errs, fmt.Errorf("EMBEDDED_REDIS_PASSWORD has %d bytes, allowed are %d or more", n, leastPassword))
	}
	if c.EmbeddedRedisAddr == "" || isLoopback(c.EmbeddedRedisAddr) {
		return errors.Join(errs...)
	}
	if !c.EmbeddedRedisRemote {
		errs = append(errs, fmt.Errorf("EMBEDDED_REDIS_ADDR is %q, allowed is a loopback address unless EMBEDDED_REDIS_ALLOW_REMOTE is set", c.EmbeddedRedisAddr))
	} else if c.EmbeddedRedisPassword == "" {
		errs = append(errs, errors.New("EMBEDDED_REDIS_ALLOW_REMOTE is set, which needs EMBEDDED_REDIS_PASSWORD"))
	}
	return errors.Join(errs...)
}

// isPrintable reports whether nothing of s has to be escaped but quotes and
// backslashes.
func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) })
}
