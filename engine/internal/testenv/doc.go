// Package testenv gives tests the real servers that they need, redis-server and
// PostgreSQL. The test binary starts them on free ports, with their data in temporary
// folders, and ends them.
//
// Only tests import it. It imports nothing of Pitwall but engine/e2e/servers, so every
// test may use it without an import cycle. That package starts and stops the servers,
// for the load harness as well; this one ties them to tests.
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }
//
//	func TestRead(t *testing.T) {
//		redis := testenv.Redis(t)        // one server per call
//		db := testenv.NewDatabase(t)     // a new database on a shared server
//		...
//	}
//
// Main runs the tests, stops the shared PostgreSQL server and the shared Redis
// Cluster, and then looks for leaked goroutines, so a package that uses it needs no
// goleak of its own.
//
// # Cleaning up
//
// A server is stopped at the end of the test that started it, a shared one by Main. If
// the test binary ends in any other way (a panic, a time-out, SIGKILL), the kernel ends
// the servers, and the folder of PostgreSQL is removed by the next test binary that
// starts one.
//
// # Faults
//
// Every server can be stopped, killed and started again on the same port with
// the same data. A Redis can be suspended (Signal), a slot of a Cluster moved
// (MoveSlot), a replica promoted. Proxy relays between a client and a server, and
// cuts connections in the middle of a reply.
//
// # Caveats
//
// It works on Linux only. The servers must be installed (make test does that). If one
// is missing, the test fails and says what to install; it is never skipped. PostgreSQL
// refuses to run as root; for root it runs as the user postgres, or nobody.
package testenv
