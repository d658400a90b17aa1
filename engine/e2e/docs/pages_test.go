package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the top folder of the module, seen from this package.
const root = "../../.."

// page is one file of documentation.
type page struct {
	path string // from the root, with slashes
	text string
}

// pages returns every Markdown file of the module.
func pages(t *testing.T) []page {
	t.Helper()
	var found []page
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		found = append(found, page{filepath.ToSlash(name), string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 8 {
		t.Fatalf("%d pages found, want all", len(found))
	}
	return found
}

// block is one fenced code block.
type block struct {
	language string
	text     string
}

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// onPage returns the page at a path from the root.
func onPage(t *testing.T, path string) page {
	t.Helper()
	for _, p := range pages(t) {
		if p.path == path {
			return p
		}
	}
	t.Fatalf("there is no page %s", path)
	return page{}
}

// blocks returns the code blocks of a page in their order.
func (p page) blocks() []block {
	var list []block
	for _, m := range fence.FindAllStringSubmatch(p.text, -1) {
		list = append(list, block{m[1], m[2]})
	}
	return list
}

// prose is the page without its code blocks.
func (p page) prose() string { return fence.ReplaceAllString(p.text, "") }
