package testenv

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"go.uber.org/goleak"

	"pitwall/engine/e2e/servers"
)

// shared lives as long as the test binary. main is set by Main; servers that
// need Main to stop them check it.
var shared struct {
	mu      sync.Mutex
	main    bool
	cluster *servers.Cluster
	redis   *servers.RedisCluster
	folder  string // of redis
	// databases counts those created so far; numbers their names.
	databases int
}

// Main runs the tests of a package (m is a *testing.M), then stops what they
// share and looks for leaked goroutines. It returns the exit code, for
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }
//
// options are passed to goleak, for goroutines of libraries that cannot be
// ended. A server that did not stop or a goroutine that leaked fails the run.
func Main(m interface{ Run() int }, options ...goleak.Option) int {
	shared.mu.Lock()
	shared.main = true
	shared.mu.Unlock()

	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintf(os.Stderr, "testenv: %v\n", err)
		code = max(code, 1)
	}
	if code != 0 {
		return code // a failed test may leave goroutines
	}
	if err := goleak.Find(options...); err != nil {
		fmt.Fprintf(os.Stderr, "testenv: goroutines leaked: %v\n", err)
		code = 1
	}
	return code
}

func stopShared() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	c, r := shared.cluster, shared.redis
	shared.cluster, shared.redis = nil, nil
	var errs []error
	if c != nil {
		errs = append(errs, c.Remove())
	}
	if r != nil {
		errs = append(errs, r.End(syscall.SIGKILL), os.RemoveAll(shared.folder))
	}
	return errors.Join(errs...)
}
