package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

// canary is what no output may show.
const canary = "canary-0123456789abcdef0123456789abcdef"

// plant puts the canary into every field that is secret by its type.
func plant(c *Config) (planted int) {
	walk(reflect.ValueOf(c).Elem(), func(f reflect.StructField, v reflect.Value) {
		switch v.Interface().(type) {
		case Secret:
			v.SetString(canary)
		case SecretURL:
			v.SetString("http://me:" + canary + "@127.0.0.1:1/" + canary + "?password=" + canary)
		default:
			return
		}
		planted++
	})
	return planted
}

// TestSecretsAreNotPrinted prints the settings in every way there is.
func TestSecretsAreNotPrinted(t *testing.T) {
	var cfg Config
	n := plant(&cfg)
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("settings", "all", cfg, "jwt", cfg.JWTSecret, "url", cfg.RedisURL)
	slog.New(slog.NewTextHandler(&log, nil)).Info("settings", "all", cfg, "jwt", cfg.JWTSecret, "url", cfg.RedisURL)
	for name, out := range map[string]string{
		"fmt": fmt.Sprint(cfg) + fmt.Sprintf("%+v %#v %s %q", cfg, cfg, cfg.JWTSecret, cfg.AuthURL), "slog": log.String(),
		"JSON": string(text), "settings": fmt.Sprint(cfg.Settings()),
	} {
		if strings.Contains(out, "canary") {
			t.Errorf("%s shows a secret: %s", name, out)
		}
		if strings.Count(out, redacted) < n {
			t.Errorf("%s says %d times that there is a secret, want %d times", name, strings.Count(out, redacted), n)
		}
	}
}

// TestSecretsAreNotLogged starts engines whose settings are full of secrets,
// good ones and such as cannot be.
func TestSecretsAreNotLogged(t *testing.T) {
	for _, c := range []struct {
		name   string
		want   string // a setting that the error names
		change func(*Config)
	}{
		{"settings that do not go together", "AUTH_URL", func(*Config) {}},
		{"URLs that are none", "JWKS_URL", func(c *Config) {
			for _, u := range []*SecretURL{&c.RedisURL, &c.DatabaseURL, &c.DatabaseDirectURL, &c.DatabaseArchiveURL, &c.AuthURL, &c.AuthzURL, &c.JWKSURL} {
				*u = "://" + canary
			}
		}},
		{"a password that ends the host", "REDIS_URL", func(c *Config) {
			c.AuthMode, c.AuthURL, c.AuthzURL = "jwt", "", ""
			c.RedisURL, c.DatabaseURL = "redis://:"+canary+"/x@127.0.0.1:1", "postgres://me:"+canary+"/x@127.0.0.1:1/db"
		}},
		{"Redis does not answer", "REDIS_URL", func(c *Config) {
			c.AuthMode, c.AuthURL, c.AuthzURL, c.RedisURL = "jwt", "", "", "redis://:"+canary+"@127.0.0.1:1/0"
		}},
		{"no keys", "JWKS_URL", func(c *Config) {
			c.AuthMode, c.AuthURL, c.AuthzURL, c.RedisURL, c.DatabaseURL, c.DatabaseDirectURL, c.DatabaseArchiveURL = "jwt", "", "", "", "", "", ""
		}},
		{"Postgres does not answer", "DATABASE_URL", func(c *Config) {
			c.AuthMode, c.AuthURL, c.AuthzURL, c.RedisURL = "jwt", "", "", ""
			c.DatabaseURL = "postgres://me:" + canary + "@127.0.0.1:1/db?sslmode=disable"
		}},
		{"a URL for Postgres that is none", "DATABASE_URL", func(c *Config) { c.AuthMode, c.AuthURL, c.AuthzURL, c.RedisURL = "jwt", "", "", "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := settings(append(embeddedParts(t).flags, "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--log-level=debug")...)
			if err != nil {
				t.Fatal(err)
			}
			plant(&cfg)
			c.change(&cfg)
			var out logs
			e, err := New(cfg, slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
			if err == nil {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				err = e.Run(ctx)
			}
			if err == nil {
				t.Fatal("started, with nothing that answers")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v does not name %s", err, c.want)
			}
			if all := err.Error() + out.String(); strings.Contains(all, "canary") {
				t.Errorf("a secret is shown: %s", all)
			}
		})
	}
}

// TestEverySecretHasItsType finds settings whose names say that they are
// secret.
func TestEverySecretHasItsType(t *testing.T) {
	walk(reflect.ValueOf(new(Config)).Elem(), func(f reflect.StructField, v reflect.Value) {
		env := f.Tag.Get("env")
		if env == "" || f.Tag.Get("name") == "" {
			t.Errorf("%s has no name for the environment or no flag", f.Name)
		}
		isURL, isSecret := strings.HasSuffix(env, "_URL"), false
		for _, word := range []string{"SECRET", "TOKEN", "PASSWORD", "KEY", "SQL"} {
			isSecret = isSecret || strings.Contains(env, word) && !strings.HasSuffix(env, "_FILE") && !strings.HasSuffix(env, "_COOKIE")
		}
		var want any
		switch {
		case isURL:
			want = SecretURL("")
		case isSecret:
			want = Secret("")
		default:
			return
		}
		if v.Type() != reflect.TypeOf(want) {
			t.Errorf("%s is a %s, want a %T", env, v.Type(), want)
		}
	})
}

func TestSecretURL(t *testing.T) {
	for in, want := range map[SecretURL]string{
		"":                                    "",
		"redis://127.0.0.1:6379/0":            "redis://127.0.0.1:6379/0",
		"redis://:hush@127.0.0.1:6379/0":      "redis://[redacted]@127.0.0.1:6379/0",
		"unix://me:hush@/run/redis.sock?db=1": "unix://[redacted]@/run/redis.sock?db=[redacted]",
		"postgres:///race?host=/run&password=hush": "postgres:///race?host=[redacted]&password=[redacted]",
		"host=/run user=me password=hush":          redacted,
		"redis://:12/hush@h":                       redacted,
		"redis://:12?hush@h":                       redacted,
		"redis://:12#hush@h":                       redacted,
		"http://h/p?hush":                          "http://h/[redacted]?[redacted]",
		"redis://:%hush@h":                         redacted,
		"mailto:hush":                              redacted,
		"https://id.example/keys":                  "https://id.example/[redacted]",
		"https://id.example/":                      "https://id.example/",
		"https://id.example":                       "https://id.example",
		"postgresql://db.example/race":             "postgresql://db.example/race",
		"other://h/hush":                           "other://h/[redacted]",
	} {
		if got := in.String(); got != want {
			t.Errorf("%q: %q, want %q", string(in), got, want)
		}
	}
}
