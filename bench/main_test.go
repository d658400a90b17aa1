package main

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"pitwall/bench/runner"
)

// asProgram is an environment variable that makes the test binary run as bench.
const asProgram = "PITWALL_BENCH_PROGRAM"

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
		main()
	default:
		goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
			goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),              // idle connections to engines that are gone
			goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")) // sleeps up to a second, after its client is closed
	}
}
