package testenv

import (
	"strings"
	"testing"
	"time"
)

func TestPostgresDatabasesAreSeparate(t *testing.T) {
	s := Postgres(t)
	a, b := NewDatabase(t), NewDatabase(t)
	if a == b {
		t.Fatalf("two databases at one URL")
	}
	s.Query(a, "CREATE TABLE t (n int)")
	if got := s.Query(b, "SELECT count(*) FROM pg_tables WHERE tablename = 't'"); got != "0" {
		t.Errorf("a table of one database is visible in the other: %q", got)
	}
	if got := s.Query(a, "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %q, want on", got)
	}
	if got := s.Query(a, "SELECT 'x', NULL, 2"); got != "x||2" {
		t.Errorf("a row is returned as %q", got)
	}
	if !strings.Contains(a, s.Password()) {
		t.Error("the URL has no password: tests that it is not printed cannot fail")
	}
}

func TestPostgresCopiesATemplate(t *testing.T) {
	s := Postgres(t)
	filled := 0
	fill := func(url string) {
		filled++
		s.Query(url, "CREATE TABLE t AS SELECT 7 AS n")
	}
	a, b := CopyDatabase(t, "filled", fill), CopyDatabase(t, "filled", fill)
	s.Query(a, "UPDATE t SET n = 8")
	if got := s.Query(b, "SELECT n FROM t"); got != "7" || filled != 1 {
		t.Errorf("the second copy has %q, want 7; the template was filled %d times", got, filled)
	}
}

func TestPostgresDropsDatabases(t *testing.T) {
	s := Postgres(t)
	var url string
	t.Run("inner", func(t *testing.T) {
		url = NewDatabase(t)
		s.Query(url, "SELECT 1")
	})
	if _, err := s.c.Query(url, "SELECT 1"); err == nil {
		t.Error("the database of a finished test still exists")
	}
}

func TestPostgresDropsDatabasesOfATestThatLeftItStopped(t *testing.T) {
	s := Postgres(t)
	var url string
	t.Run("inner", func(t *testing.T) {
		url = NewDatabase(t)
		Postgres(t).Stop()
	})
	if got := s.Query(s.URL(), "SELECT 1"); got != "1" {
		t.Errorf("the server was not started again: %q", got)
	}
	if _, err := s.c.Query(url, "SELECT 1"); err == nil {
		t.Error("the database of a finished test still exists")
	}
}

func TestPostgresRestartKeepsData(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*PostgresServer)
	}{
		{"stop", (*PostgresServer).Stop},
		{"crash", (*PostgresServer).Crash},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Postgres(t)
			url := NewDatabase(t)
			s.Query(url, "CREATE TABLE t AS SELECT 7 AS n")
			tt.end(s)
			if _, err := s.c.Query(url, "SELECT 1"); err == nil {
				t.Error("a stopped server answered")
			}
			s.Start()
			s.Start() // does nothing while it runs
			if got := s.Query(url, "SELECT n FROM t"); got != "7" {
				t.Errorf("after the restart t has %q, want 7", got)
			}
		})
	}
}

func TestPostgresUnixSocket(t *testing.T) {
	s := Postgres(t)
	url := strings.Replace(NewDatabase(t), "@127.0.0.1:", "@:", 1) + "&host=" + s.SocketDir()
	if got := s.Query(url, "SELECT inet_server_addr() IS NULL"); got != "t" {
		t.Errorf("over the unix socket: %q, want t", got)
	}
}

func TestPostgresCutClients(t *testing.T) {
	s := Postgres(t)
	url := NewDatabase(t)
	failed := make(chan error, 1)
	go func() {
		_, err := s.c.Query(url, "SELECT pg_sleep(60)")
		failed <- err
	}()
	Eventually(t, 10*time.Second, "the sleeping session", func() bool {
		return s.Query(s.URL(), "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'") == "1"
	})
	if n := s.CutClients(); n != 1 {
		t.Errorf("cut %d sessions, want 1", n)
	}
	if err := <-failed; err == nil {
		t.Error("the session was not ended")
	}
}

func TestQueryReportsErrors(t *testing.T) {
	s := Postgres(t)
	for sql, want := range map[string]string{
		"SELEC 1":                        `ERROR:  syntax error at or near "SELEC"`,
		"SELECT 1; SELECT 1/0; SELECT 2": "ERROR:  division by zero",
	} {
		if out, err := s.c.Query(s.URL(), sql); err == nil || err.Error() != want || out != "" {
			t.Errorf("%s: %q and %v, want %s", sql, out, err, want)
		}
	}
	if _, err := s.c.Query(s.c.URL("nothing"), "SELECT 1"); err == nil || !strings.Contains(err.Error(), `"nothing" does not exist`) {
		t.Errorf("a database that does not exist: %v", err)
	}
	if got := s.Query(s.URL(), "SELECT 1; SELECT '', true, repeat('x', 3); CREATE TEMPORARY TABLE t AS SELECT 1"); got != "1\n|t|xxx" {
		t.Errorf("two results: %q", got)
	}
}
