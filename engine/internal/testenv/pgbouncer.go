package testenv

import "testing"

// PgBouncer starts a PgBouncer in transaction mode in front of the server that
// the tests of the binary share, and returns databaseURL as it is reached
// through it. It is stopped when the test ends.
func PgBouncer(t testing.TB, databaseURL string) string {
	t.Helper()
	b, err := Postgres(t).c.Bounce()
	if err != nil {
		t.Fatalf("pgbouncer: %v", err)
	}
	t.Cleanup(func() {
		if err := b.End(); err != nil {
			t.Errorf("stop pgbouncer: %v", err)
		}
	})
	return b.URL(databaseURL)
}
