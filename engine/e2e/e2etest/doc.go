// Package e2etest is what end-to-end tests share: engines that run in the
// test's process, the servers below them, and spectators that check every
// frame they get. Only tests import it.
//
//	func TestMain(m *testing.M) { os.Exit(e2etest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		s := e2etest.NewStack(t, 100) // redis-server, PostgreSQL, 100 devices in an event
//		e := s.Start("--instance-id=one")
//		screen := s.Watch(e.HTTP, "spectator", "", "")
//		...
//	}
//
// A test that needs no real servers uses Start, which runs an engine on its
// embedded parts. A test that looks at a page uses e2etest/chromium.
//
// Everything a test starts ends with the test: engines are stopped, spectators
// disconnected, servers removed. Functions that take a testing.TB fail the
// test on an error, and must be called on the test's goroutine.
package e2etest
