package testenv

import (
	"strconv"
	"syscall"
	"testing"

	"pitwall/engine/e2e/servers"
)

// PostgresPair starts a primary and its standby for this test only. Both are removed
// when the test ends.
func PostgresPair(t testing.TB) (primary, standby *PostgresServer) {
	t.Helper()
	primary = OwnPostgres(t)
	return primary, ownServer(t, primary.c.NewStandby)
}

// OwnPostgres starts a server for this test only. It is removed when the test ends.
func OwnPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	return ownServer(t, servers.NewCluster)
}

func ownServer(t testing.TB, make func() (*servers.Cluster, error)) *PostgresServer {
	t.Helper()
	c, err := make()
	if err != nil {
		t.Fatalf("postgres: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Remove(); err != nil {
			t.Errorf("remove postgres: %v", err)
		}
	})
	return &PostgresServer{t: t, c: c}
}

// Addr returns the host:port of the server.
func (s *PostgresServer) Addr() string { return s.c.Addr() }

// Promote makes a standby a primary, and returns when it is one.
func (s *PostgresServer) Promote() {
	s.t.Helper()
	if done := s.Query(s.URL(), "SELECT pg_promote()"); done != "t" {
		s.t.Fatalf("promote: %q", done)
	}
}

// SuspendReceiver suspends the WAL receiver of a standby, which has the effect of a
// network that fails silently. It is resumed by resume, and at the end of the test.
func (s *PostgresServer) SuspendReceiver() (resume func()) {
	s.t.Helper()
	return s.suspend("the standby to receive", "SELECT coalesce(max(pid), 0) FROM pg_stat_wal_receiver WHERE status = 'streaming'")
}

// SuspendWALWriter suspends the process that writes what commits with
// synchronous_commit=off leave in memory, until the server is stopped or the test ends.
func (s *PostgresServer) SuspendWALWriter() {
	s.t.Helper()
	s.suspend("the WAL writer to run", "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE backend_type = 'walwriter'")
}

// suspend suspends the process of the server whose id the query returns. It waits for
// the process; what says for which.
func (s *PostgresServer) suspend(what, query string) (resume func()) {
	s.t.Helper()
	var pid int
	Eventually(s.t, servers.ReadyWithin, what, func() bool {
		var err error
		pid, err = strconv.Atoi(s.Query(s.URL(), query))
		return err == nil && pid > 0
	})
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		s.t.Fatalf("suspend a process of the server: %v", err)
	}
	resume = func() { _ = syscall.Kill(pid, syscall.SIGCONT) } // fails if the server has been stopped
	s.t.Cleanup(resume)
	return resume
}
