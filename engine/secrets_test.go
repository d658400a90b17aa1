package engine_test

import (
	"reflect"
	"strings"
	"testing"

	"pitwall/engine/config"
	"pitwall/engine/e2e/e2etest"
)

// canary is a secret that no output may contain.
const canary = "canary-0123456789abcdef0123456789abcdef"

// plant puts the canary into every field of a secret type.
func plant(c *config.Config) {
	all := reflect.ValueOf(c).Elem()
	for _, f := range reflect.VisibleFields(all.Type()) {
		if !f.IsExported() {
			continue
		}
		switch v := all.FieldByIndex(f.Index); v.Interface().(type) {
		case config.Secret:
			v.SetString(canary)
		case config.SecretURL:
			v.SetString("http://me:" + canary + "@127.0.0.1:1/" + canary + "?password=" + canary)
		}
	}
}

// TestSecretsAreNotLogged starts engines with a secret in every setting that may
// hold one, valid and invalid.
func TestSecretsAreNotLogged(t *testing.T) {
	for _, c := range []struct {
		name   string
		want   string // a setting that the error names
		change func(*config.Config)
	}{
		{"settings that do not go together", "AUTH_URL", func(*config.Config) {}},
		{"invalid URLs", "JWKS_URL", func(c *config.Config) {
			for _, u := range []*config.SecretURL{&c.RedisURL, &c.DatabaseURL, &c.DatabaseDirectURL, &c.DatabaseArchiveURL, &c.AuthURL, &c.AuthzURL, &c.JWKSURL} {
				*u = "://" + canary
			}
		}},
		{"a password with a slash", "REDIS_URL", func(c *config.Config) {
			c.AuthMode, c.AuthURL, c.AuthzURL = "jwt", "", ""
			c.RedisURL, c.DatabaseURL = "redis://:"+canary+"/x@127.0.0.1:1", "postgres://me:"+canary+"/x@127.0.0.1:1/db"
		}},
		{"Redis does not answer", "REDIS_URL", func(c *config.Config) {
			c.AuthMode, c.AuthURL, c.AuthzURL, c.RedisURL = "jwt", "", "", "redis://:"+canary+"@127.0.0.1:1/0"
		}},
		{"no keys", "JWKS_URL", func(c *config.Config) {
			c.AuthMode, c.AuthURL, c.AuthzURL, c.RedisURL, c.DatabaseURL, c.DatabaseDirectURL, c.DatabaseArchiveURL = "jwt", "", "", "", "", "", ""
		}},
		{"Postgres does not answer", "DATABASE_URL", func(c *config.Config) {
			c.AuthMode, c.AuthURL, c.AuthzURL, c.RedisURL = "jwt", "", "", ""
			c.DatabaseURL = "postgres://me:" + canary + "@127.0.0.1:1/db?sslmode=disable"
		}},
		{"an invalid URL for Postgres", "DATABASE_URL", func(c *config.Config) { c.AuthMode, c.AuthURL, c.AuthzURL, c.RedisURL = "jwt", "", "", "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := e2etest.MustSettings(t, e2etest.EmbeddedBackends(t).EngineFlags("--log-level=debug")...)
			plant(&cfg)
			c.change(&cfg)
			log := new(e2etest.Log)
			e, err := e2etest.LaunchReady(cfg, log)
			if err == nil {
				_ = e.Stop()
				t.Fatal("the engine started although no server answers")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v does not name %s", err, c.want)
			}
			if all := err.Error() + log.String(); strings.Contains(all, "canary") {
				t.Errorf("a secret is shown: %s", all)
			}
		})
	}
}
