// Package testenv gives tests the real servers they need: redis-server and
// PostgreSQL, each started by the test binary that uses it, on free ports,
// in temporary folders, and gone afterwards.
//
// Only tests import it, in any package. It knows nothing of Pitwall itself, so
// that every test may use it without an import cycle. The servers
// as such are in engine/e2e/servers, which the load harness shares; here they are
// tied to tests.
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }
//
//	func TestRead(t *testing.T) {
//		redis := testenv.Redis(t)        // one server per call
//		db := testenv.NewDatabase(t)     // a fresh database in a shared cluster
//		...
//	}
//
// Main runs the tests, stops the shared PostgreSQL cluster and the shared Redis
// Cluster, if a test asked for them, and then looks
// for leaked goroutines, so a package that uses it needs no goleak of its own.
//
// # Cleaning up
//
// Nothing is left. Servers are stopped at the end of the test that asked for
// them, the cluster by Main. The kernel is told to end them when the test binary
// dies in any other way (a panic, a time-out, SIGKILL); the cluster's folder
// is then removed by the next test binary that starts one.
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
// Linux only. The servers must be installed (make test does that); a missing
// one fails the test with what to install, it never skips it. PostgreSQL
// refuses to run as root: for root the cluster is owned by the user postgres,
// or nobody.
package testenv
