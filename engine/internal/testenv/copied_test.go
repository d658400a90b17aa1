package testenv

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCopiedFolder(t *testing.T) {
	filled := 0
	make := func() string {
		return CopiedFolder(t, "one", func(dir string) {
			filled++
			if err := os.WriteFile(filepath.Join(dir, "f"), []byte("7"), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	a := make()
	if err := os.WriteFile(filepath.Join(a, "f"), []byte("8"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(make(), "f"))
	if err != nil || string(got) != "7" || filled != 1 {
		t.Errorf("%q and %v after %d fills, want 7 after one", got, err, filled)
	}
}
