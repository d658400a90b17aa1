package db

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestFileIsPrivate opens databases in a folder that everybody may enter, with new files
// and with existing files of a wider mode.
func TestFileIsPrivate(t *testing.T) {
	for _, c := range []struct {
		name      string
		had, want fs.FileMode // of the file, 0 for none
	}{
		{"new", 0, 0o600},
		{"of an earlier version", 0o644, 0o600},
		{"given to a group", 0o660, 0o660},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, fileName)
			if c.had != 0 {
				d, err := Open(t.Context(), Options{DataDir: dir, Logger: discard})
				if err != nil {
					t.Fatal(err)
				}
				d.Close()
				if err := os.Chmod(path, c.had); err != nil {
					t.Fatal(err)
				}
			}
			migrated(t, Options{DataDir: dir, Logger: discard})
			files, err := filepath.Glob(path + "*")
			if err != nil || len(files) != 3 {
				t.Fatalf("files %q, %v, want three", files, err)
			}
			for _, f := range files {
				info, err := os.Stat(f)
				if err != nil {
					t.Fatal(err)
				}
				if got := info.Mode().Perm(); got != c.want {
					t.Errorf("%s has mode %v, want %v", filepath.Base(f), got, c.want)
				}
			}
		})
	}
}
