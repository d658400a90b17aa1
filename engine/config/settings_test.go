package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

// canary is a secret that no output may contain.
const canary = "canary-0123456789abcdef0123456789abcdef"

// plant puts the canary into every field of a secret type.
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

// TestSecretsAreNotPrinted prints the settings in every way.
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
			t.Errorf("%s shows %d redacted values, want %d", name, strings.Count(out, redacted), n)
		}
	}
}

// Settings whose names suggest a secret have a secret type.
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
