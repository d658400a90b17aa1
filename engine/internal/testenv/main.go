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

// shared is what the tests of the binary share. Main stops the servers.
var shared struct {
	mu        sync.Mutex
	main      bool // Main runs the tests
	postgres  *servers.Cluster
	redis     *servers.RedisCluster
	folder    string                // of redis
	databases int                   // number of databases created so far, which numbers their names
	templates map[string]*sync.Once // of CopyDatabase, by name: whether it was filled
}

// Main runs the tests of a package (m is a *testing.M), then stops what they
// share and looks for leaked goroutines. It returns the exit code, for
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }
//
// options are passed to goleak, for goroutines of libraries that cannot be ended. The
// exit code is not 0 if a server did not stop or a goroutine leaked.
func Main(m interface{ Run() int }, options ...goleak.Option) int {
	shared.mu.Lock()
	shared.main = true
	shared.mu.Unlock()
	servers.KeepInitdb = true

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
	var errs []error
	if shared.postgres != nil {
		errs = append(errs, shared.postgres.Remove())
	}
	if shared.redis != nil {
		errs = append(errs, shared.redis.End(syscall.SIGKILL), os.RemoveAll(shared.folder))
	}
	shared.postgres, shared.redis = nil, nil
	return errors.Join(errs...)
}
