package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"pitwall/bench/runner"
	"pitwall/bench/stack"
)

const (
	// asProgram is an environment variable that makes the test binary run as bench.
	asProgram = "PITWALL_BENCH_PROGRAM"
	// builtAt is the one with the path of a Pitwall that is built already.
	builtAt = "PITWALL_BENCH_BUILT"
)

// binaries is the folder of the Pitwall that the tests share, "" before it is built.
var binaries string

// build builds Pitwall for all tests that measure it: linking takes more time than most
// runs.
var build = sync.OnceValues(func() (path string, err error) {
	if binaries, err = os.MkdirTemp("", "pitwall-bench-test-"); err != nil {
		return "", err
	}
	path = filepath.Join(binaries, "pitwall")
	if out, err := exec.Command("go", "build", "-o", path, "pitwall/cmd/pitwall").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	stack.Built = path
	return path, nil
})

// built returns the path of Pitwall. Runs of this process use it too.
func built(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	if ok, err := runner.PlayRole(); ok { // the harness starts os.Executable
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	switch {
	case os.Getenv(asProgram) != "":
		stack.Built = os.Getenv(builtAt)
		main()
	default:
		goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
			if err := os.RemoveAll(binaries); err != nil && code == 0 {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
			os.Exit(code)
		}), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
			goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),              // idle connections to engines that are gone
			goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")) // sleeps up to a second, after its client is closed
	}
}
