package archive

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that the READMEs of archive and ops name exists.
func TestReadmesNameExistingTests(t *testing.T) {
	exists := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			exists[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, least := range map[string]int{"README.md": 20, "../ops/README.md": 4} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(text, -1)
		for _, m := range named {
			if !exists[string(m[1])] {
				t.Errorf("%s names %s, which does not exist", path, m[1])
			}
		}
		if len(named) < least {
			t.Errorf("%s names %d tests, want at least %d: has the notation of tests changed?", path, len(named), least)
		}
	}
}
