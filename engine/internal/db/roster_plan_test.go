package db

import (
	"strings"
	"testing"
)

// TestEmbeddedRosterUsesThePrimaryKey: the time to read a roster is linear, not
// quadratic.
func TestEmbeddedRosterUsesThePrimaryKey(t *testing.T) {
	d := openDatabase(t, Options{DataDir: t.TempDir(), Logger: discard}).(*sqlite)
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := d.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+rosterQuerySQLite)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	// An automatic index is also linear, but is built for each query.
	text := strings.Join(plan, "\n")
	if !strings.Contains(text, "SEARCH e USING INDEX") && !strings.Contains(text, "SEARCH ed USING") || strings.Contains(text, "AUTOMATIC") {
		t.Errorf("the plan does not join by the primary key:\n%s", text)
	}
}
