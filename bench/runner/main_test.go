package runner

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"pitwall/bench/stack"
)

// binaries are shared by all tests, because a build takes longer than most runs.
var binaries stack.Binaries

func TestMain(m *testing.M) {
	if ok, err := PlayRole(); ok { // the harness starts os.Executable
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := binaries.Close(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),              // idle connections to engines that are gone
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")) // sleeps up to a second, after its client is closed
}
