package config

import (
	"os"
	"reflect"
	"testing"

	"github.com/alecthomas/kong"

	"pitwall/engine/internal/testenv"
)

// TestMain removes the settings from the environment, so that a setting which a test
// does not set has its default.
func TestMain(m *testing.M) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if name := f.Tag.Get("env"); name != "" {
			os.Unsetenv(name)
		}
	}
	os.Exit(testenv.Main(m))
}

// settings parses a command line as cmd/pitwall does. Settings that are not given
// have their real defaults.
func settings(flags ...string) (Config, error) {
	var c Config
	k, err := kong.New(&c, kong.Name("pitwall serve"), kong.Exit(func(int) {}))
	if err != nil {
		return c, err
	}
	_, err = k.Parse(flags)
	return c, err
}
