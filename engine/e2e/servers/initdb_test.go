package servers

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestInitdbIsCopied: the result of initdb is used again only while it is new and
// nobody else can have written to it.
func TestInitdbIsCopied(t *testing.T) {
	tmp, err := os.MkdirTemp("", "initdb-test-") // the user of PostgreSQL has no access to t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	before := KeepInitdb
	KeepInitdb = true
	t.Cleanup(func() { KeepInitdb = before })
	bin, err := postgresBin()
	if err != nil {
		t.Fatal(err)
	}
	// copied makes a data folder and reports whether it has the mark.
	copied := func() bool {
		t.Helper()
		c := &Cluster{bin: bin}
		defer c.Remove()
		if err := c.create(); err != nil {
			t.Fatal(err)
		}
		if err := c.initdb(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(c.data(), "PG_VERSION")); err != nil {
			t.Error(err)
		}
		_, err := os.Stat(filepath.Join(c.data(), "mark"))
		return err == nil
	}
	if copied() {
		t.Error("the first folder was copied")
	}
	kept, _ := filepath.Glob(filepath.Join(tmp, "pitwall-initdb-*"))
	if len(kept) != 1 {
		t.Fatalf("%d results are kept, want 1", len(kept))
	}
	mark := filepath.Join(kept[0], "mark")
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if !copied() {
		t.Error("the second folder was not copied")
	}
	old := time.Now().Add(-2 * initdbAge)
	if err := os.Chtimes(kept[0], old, old); err != nil {
		t.Fatal(err)
	}
	if copied() {
		t.Error("an old result was copied")
	}
	if err := os.WriteFile(mark, nil, 0o644); err != nil { // of the new result
		t.Fatal(err)
	}
	if err := os.Chmod(kept[0], 0o755); err != nil {
		t.Fatal(err)
	}
	if copied() {
		t.Error("a result to which others have access was copied")
	}
}
