package e2etest

import (
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
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
// set has its default. It deletes what Build has built.
func Main(m *testing.M) int {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Config]()) {
		if name := f.Tag.Get("env"); name != "" {
			os.Unsetenv(name)
		}
	}
	return testenv.Main(withEnd{m})
}

// withEnd runs tests, and then what AtEnd was given.
type withEnd struct{ m *testing.M }

// atEnd is what AtEnd was given.
var atEnd struct {
	mu   sync.Mutex
	list []func()
}

// AtEnd has Main call a function after the last test, before it looks for leaked
// goroutines. The last one given is called first.
func AtEnd(end func()) {
	atEnd.mu.Lock()
	defer atEnd.mu.Unlock()
	atEnd.list = append(atEnd.list, end)
}

func (w withEnd) Run() int {
	code := w.m.Run()
	for _, end := range slices.Backward(atEnd.list) {
		end()
	}
	return code
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

// programs are those that Build has built, by folder of the module.
var programs struct {
	mu    sync.Mutex
	dir   string // "" before the first
	paths map[string]string
}

// Build returns the path of a program of the module in one of its folders, such as
// cmd/pitwall. It is built once for the tests of a package, and deleted by Main.
func Build(t testing.TB, folder string) string {
	t.Helper()
	programs.mu.Lock()
	defer programs.mu.Unlock()
	if built := programs.paths[folder]; built != "" {
		return built
	}
	if programs.dir == "" {
		dir, err := os.MkdirTemp("", "pitwall-programs-")
		if err != nil {
			t.Fatal(err)
		}
		AtEnd(func() { _ = os.RemoveAll(dir) }) // in the temporary folder anyway
		programs.dir, programs.paths = dir, map[string]string{}
	}
	program := filepath.Join(programs.dir, path.Base(folder))
	if out, err := exec.Command("go", "build", "-o", program, module+"/"+folder).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", folder, err, out)
	}
	programs.paths[folder] = program
	return program
}
