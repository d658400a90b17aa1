package db

import (
	"strings"
	"testing"
)

// TestAccessQueriesCannotWrite: the access query of an operator runs on a read-only
// connection.
func TestAccessQueriesCannotWrite(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		exec(t, d, "INSERT INTO pitwall_members (user_id, event_id) VALUES ('u', 'e')")
		for range 3 { // and leaves no connection in a transaction
			query := "DELETE FROM pitwall_members WHERE user_id = $1 AND event_id = $2 RETURNING 1"
			may, err := d.MayWatch(t.Context(), query, "u", "e")
			if may || err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "-", ""), "readonly") {
				t.Errorf("a query that deletes: %t, %v; want an error that says read-only", may, err)
			}
			if may, err := d.MayWatch(t.Context(), "", "u", "e"); !may || err != nil {
				t.Errorf("after the refused query: %t, %v; want a yes", may, err)
			}
		}
		exec(t, d, "DELETE FROM pitwall_members") // other writes still work
		if p, ok := d.(*postgres); ok {
			if n := p.pool.Stat().NewConnsCount(); n > 2 {
				t.Errorf("%d connections were made, want at most 2: a connection is not reused after a refusal", n)
			}
		}
	})
}
