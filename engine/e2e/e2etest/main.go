package e2etest

import (
	"net/http"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"pitwall/engine/config"
	"pitwall/engine/internal/testenv"
)

// Patience bounds every wait. It is long enough for a busy machine: a test that
// passes never waits for all of it.
const Patience = 60 * time.Second

// JWTSecret is the JWT_SECRET of tests about access.
const JWTSecret = "0123456789abcdef0123456789abcdef"

// HTTP keeps no connections, so that no goroutine outlives a test.
var HTTP = &http.Client{Timeout: Patience, Transport: &http.Transport{DisableKeepAlives: true}}

// Main is testenv.Main without the settings of whoever runs the tests: what a
// test does not set has its default.
func Main(m *testing.M) int {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Config]()) {
		if name := f.Tag.Get("env"); name != "" {
			os.Unsetenv(name)
		}
	}
	return testenv.Main(m)
}

// Settings parses flags as pitwall serve does, so that what is not given has
// its real default.
func Settings(flags ...string) (config.Config, error) {
	var c config.Config
	k, err := kong.New(&c, kong.Name("pitwall serve"), kong.Exit(func(int) {}))
	if err != nil {
		return c, err
	}
	_, err = k.Parse(flags)
	return c, err
}

// MustSettings is Settings for flags that are right.
func MustSettings(t testing.TB, flags ...string) config.Config {
	t.Helper()
	c, err := Settings(flags...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
