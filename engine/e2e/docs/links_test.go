package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinksLeadSomewhere: a link names a file that exists, and its fragment a heading
// of that page.
func TestLinksLeadSomewhere(t *testing.T) {
	anchors := map[string]map[string]bool{}
	all := pages(t)
	for _, p := range all {
		anchors[p.path] = anchorsOf(p)
	}
	seen := 0
	for _, p := range all {
		for _, m := range link.FindAllStringSubmatch(p.prose(), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			seen++
			file, fragment, hasFragment := strings.Cut(m[1], "#")
			target := p.path
			if file != "" {
				target = path.Join(path.Dir(p.path), file)
			}
			info, err := os.Stat(filepath.Join(root, target))
			if err != nil {
				t.Errorf("%s: the link %s leads nowhere", p.path, m[1])
				continue
			}
			if info.IsDir() {
				target = path.Join(target, "README.md")
			}
			if hasFragment && !anchors[target][fragment] {
				t.Errorf("%s: the link %s names no heading of %s", p.path, m[1], target)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d links looked at, want all", seen)
	}
}

// anchorsOf returns the fragments of a page's headings, as GitHub makes them: lower case,
// without punctuation, with hyphens for spaces.
func anchorsOf(p page) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(p.prose(), -1) {
		slug := notSlug.ReplaceAllString(strings.ToLower(m[1]), "")
		found[strings.ReplaceAll(slug, " ", "-")] = true
	}
	return found
}

// TestReadmeIsShort: README.md is for people who decide whether to read on.
func TestReadmeIsShort(t *testing.T) {
	for _, p := range pages(t) {
		if p.path == "README.md" {
			if n := len(strings.Fields(p.text)); n > 1200 {
				t.Errorf("README.md has %d words, at most 1200", n)
			}
		}
	}
}
