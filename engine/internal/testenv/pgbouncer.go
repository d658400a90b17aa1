package testenv

import "testing"

// PgBouncer starts a PgBouncer in transaction mode, with three sessions, in front of
// the server that the tests of the binary share. It returns the URL of the database
// through PgBouncer, which is stopped when the test ends.
func PgBouncer(t testing.TB, databaseURL string) string {
	t.Helper()
	return Postgres(t).PgBouncer(3, nil)(databaseURL)
}

// PgBouncer starts a PgBouncer in transaction mode in front of the server, with a
// number of sessions for each database. Each alias is one more database with its own
// sessions; its value is "host=… port=… dbname=…". through maps the URL of a database
// to its URL through PgBouncer, which is stopped when the test ends.
func (s *PostgresServer) PgBouncer(sessions int, aliases map[string]string) (through func(databaseURL string) string) {
	s.t.Helper()
	b, err := s.c.Bounce(sessions, aliases)
	if err != nil {
		s.t.Fatalf("pgbouncer: %v", err)
	}
	s.t.Cleanup(func() {
		if err := b.Remove(); err != nil {
			s.t.Errorf("stop pgbouncer: %v", err)
		}
	})
	return b.URL
}
