package testenv

import (
	"strconv"
	"syscall"
	"testing"

	"pitwall/engine/e2e/servers"
)

// PostgresPair starts a server of the test's own, and one that follows it. Both
// are removed when the test ends.
func PostgresPair(t testing.TB) (primary, standby *PostgresServer) {
	t.Helper()
	primary = ownServer(t, servers.NewCluster)
	standby = ownServer(t, primary.c.NewStandby)
	return primary, standby
}

// OwnPostgres starts a server of the test's own, which is removed when the test
// ends.
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

// Freeze suspends the receiver of a standby, like a network that fails silently.
// thaw resumes it; the end of the test does so too.
func (s *PostgresServer) Freeze() (thaw func()) {
	s.t.Helper()
	return s.stopProcess("the standby to receive", "SELECT coalesce(max(pid), 0) FROM pg_stat_wal_receiver WHERE status = 'streaming'")
}

// HoldWAL stops the process that writes what commits with synchronous_commit=off
// leave in memory, until the server is ended or the test ends.
func (s *PostgresServer) HoldWAL() {
	s.t.Helper()
	s.stopProcess("the WAL writer to run", "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE backend_type = 'walwriter'")
}

// stopProcess suspends the process of the server whose id the query returns.
func (s *PostgresServer) stopProcess(what, query string) (thaw func()) {
	s.t.Helper()
	var pid int
	Eventually(s.t, servers.ClusterReadyWithin, what, func() bool {
		var err error
		pid, err = strconv.Atoi(s.Query(s.URL(), query))
		return err == nil && pid > 0
	})
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		s.t.Fatalf("stop a process of the server: %v", err)
	}
	thaw = func() { _ = syscall.Kill(pid, syscall.SIGCONT) } // gone with its server
	s.t.Cleanup(thaw)
	return thaw
}
