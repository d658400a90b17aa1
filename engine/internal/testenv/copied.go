package testenv

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// folders are the contents of the folders of CopiedFolder, by kind and by file name.
var folders struct {
	mu    sync.Mutex
	kinds map[string]map[string][]byte
}

// CopiedFolder returns a new folder with the same files each time. It is removed when
// the test ends. The first call with a kind calls fill with the folder that is copied
// from then on. fill must leave no file open, and fails the test itself. The files are
// kept in memory, and copied without access for others than the owner.
func CopiedFolder(t testing.TB, kind string, fill func(dir string)) string {
	t.Helper()
	folders.mu.Lock()
	defer folders.mu.Unlock()
	dir := t.TempDir()
	files, made := folders.kinds[kind]
	if !made {
		fill(dir)
		files = readFolder(t, dir)
		if folders.kinds == nil {
			folders.kinds = map[string]map[string][]byte{}
		}
		folders.kinds[kind] = files
		return dir
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readFolder reads the files of a folder without subfolders.
func readFolder(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
