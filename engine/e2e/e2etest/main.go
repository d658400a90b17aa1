package e2etest

import (
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"pitwall/engine/config"
	"pitwall/engine/internal/testenv"
)

// module is the path of the module (make module rewrites it).
const module = "pitwall"

// Patience bounds every wait. It is long enough for a busy machine: a test that
// passes never waits for all of it.
const Patience = 2 * time.Minute

// JWTSecret is the JWT_SECRET of tests about access.
const JWTSecret = "0123456789abcdef0123456789abcdef"

// HTTP keeps no connections open, so that no goroutine outlives a test.
var HTTP = &http.Client{Timeout: Patience, Transport: &http.Transport{DisableKeepAlives: true}}

// Main is testenv.Main without the settings in the environment: what a test does not
// set has its default.
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

// Build builds a program of the module in one of its folders, such as cmd/pitwall, and
// returns its path. It is deleted with the test.
func Build(t testing.TB, folder string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), path.Base(folder))
	if out, err := exec.Command("go", "build", "-o", program, module+"/"+folder).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", folder, err, out)
	}
	return program
}
