package db

import "testing"

// TestAskingCannotWrite: the query that an operator gives for who may watch
// runs where nothing can be written, as far as the database is ours.
func TestAskingCannotWrite(t *testing.T) {
	d := migrated(t, Options{DataDir: t.TempDir(), Logger: discard}).(*sqlite)
	if _, err := d.write.ExecContext(t.Context(), "INSERT INTO pitwall_members VALUES ('u', 'e')"); err != nil {
		t.Fatal(err)
	}
	query := "DELETE FROM pitwall_members WHERE user_id = $1 AND event_id = $2 RETURNING 1"
	if may, err := d.MayWatch(t.Context(), query, "u", "e"); may || err == nil {
		t.Errorf("a query that deletes: %t, %v; want an error", may, err)
	}
	if may, err := d.MayWatch(t.Context(), "", "u", "e"); !may || err != nil {
		t.Errorf("after it: %t, %v; want what was there before", may, err)
	}
}
