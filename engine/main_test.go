package engine

import (
	"os"
	"reflect"
	"testing"

	"pitwall/engine/internal/testenv"
)

// TestMain runs without the settings of whoever runs the tests: what a test
// does not set has its default.
func TestMain(m *testing.M) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if name := f.Tag.Get("env"); name != "" {
			os.Unsetenv(name)
		}
	}
	os.Exit(testenv.Main(m))
}
