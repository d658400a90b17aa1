package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"pitwall/engine/internal/redis"
)

// Streams says which streams of which Redis to use.
type Streams struct {
	RedisURL     SecretURL `name:"redis-url" env:"REDIS_URL" placeholder:"URL" help:"Redis 7.0 or later, or Valkey: redis://, rediss:// (TLS) or unix://. Sentinels with ?master_set=name, a Cluster by any of its nodes. Unset: an embedded one."`
	RedisURLFile string    `name:"redis-url-file" env:"REDIS_URL_FILE" help:"File that holds REDIS_URL instead."`

	EmbeddedRedisAddr         string `name:"embedded-redis-addr" env:"EMBEDDED_REDIS_ADDR" default:"127.0.0.1:6390" help:"Address of the embedded Redis. A loopback address, unless EMBEDDED_REDIS_ALLOW_REMOTE is set."`
	EmbeddedRedisRemote       bool   `name:"embedded-redis-allow-remote" env:"EMBEDDED_REDIS_ALLOW_REMOTE" help:"Let other machines reach the embedded Redis. Needs EMBEDDED_REDIS_PASSWORD; nothing is encrypted."`
	EmbeddedRedisPassword     Secret `name:"embedded-redis-password" env:"EMBEDDED_REDIS_PASSWORD" help:"Password of the embedded Redis, 16 bytes or more. Unset: none."`
	EmbeddedRedisPasswordFile string `name:"embedded-redis-password-file" env:"EMBEDDED_REDIS_PASSWORD_FILE" help:"File that holds EMBEDDED_REDIS_PASSWORD instead."`

	TelemetryStreams []string `name:"telemetry-streams" env:"TELEMETRY_STREAMS" default:"telemetry:t" help:"Stream keys, separated by commas. All records of a device must go to the same key."`
}

// StreamKeys returns TELEMETRY_STREAMS without the spaces around them.
func (c *Streams) StreamKeys() []string { return trimmed(c.TelemetryStreams) }

func (c *Streams) validate() error {
	keys := c.StreamKeys()
	errs := []error{refuseIf(len(keys) == 0, "TELEMETRY_STREAMS is empty, allowed is one stream key or more")}
	for i, k := range keys {
		bad := k == "" || slices.Contains(keys[:i], k) || !isPrintable(k) // keys are labels of metrics
		errs = append(errs, refuseIf(bad, "TELEMETRY_STREAMS has %q, allowed are different keys of printable characters", k))
		for _, other := range keys {
			errs = append(errs, refuseIf(redis.IsDeadKey(k, other), "TELEMETRY_STREAMS has %q, which is the key for the dead letters of %q", k, other))
		}
	}
	return errors.Join(append(errs, c.validateEmbedded())...)
}

// minRedisPassword is the least length of EMBEDDED_REDIS_PASSWORD, in bytes.
const minRedisPassword = 16

// validateEmbedded checks who can reach the embedded Redis: they can read and write
// every position.
func (c *Streams) validateEmbedded() error {
	if c.RedisURL != "" {
		return nil
	}
	n, remote := len(c.EmbeddedRedisPassword), listener{"", c.EmbeddedRedisAddr}.check() == nil && !isLoopback(c.EmbeddedRedisAddr)
	return errors.Join(
		refuseIf(n > 0 && n < minRedisPassword, "EMBEDDED_REDIS_PASSWORD has %d bytes, allowed are %d or more", n, minRedisPassword),
		refuseIf(remote && !c.EmbeddedRedisRemote, "EMBEDDED_REDIS_ADDR is %q, allowed is a loopback address unless EMBEDDED_REDIS_ALLOW_REMOTE is set", c.EmbeddedRedisAddr),
		refuseIf(remote && c.EmbeddedRedisRemote && n == 0, "EMBEDDED_REDIS_ALLOW_REMOTE is set, which needs EMBEDDED_REDIS_PASSWORD"))
}

// isPrintable reports whether s needs no escapes other than for quotes and
// backslashes.
func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) })
}
