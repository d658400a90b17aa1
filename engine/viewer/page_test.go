package viewer

import (
	"io/fs"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sources returns the embedded files by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	names, err := fs.Glob(static, "static/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no static files: %v", err)
	}
	for _, n := range names {
		b, err := fs.ReadFile(static, n)
		if err != nil {
			t.Fatal(err)
		}
		files[path.Base(n)] = string(b)
	}
	return files
}

var (
	imported = regexp.MustCompile(`(?m)^import [^;]*from '([^']+)'`)
	linked   = regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	inline   = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:\s[^>]*)?>[^<]|javascript:`)
	foreign  = regexp.MustCompile(`(?i)(?:https?:)?//[a-z0-9-]+\.[a-z]`)
	wanted   = regexp.MustCompile(`(?:\$|put)\('([a-z-]+)'|getElementById\('([a-z-]+)'\)`)
	named    = regexp.MustCompile(`\bid="([a-z-]+)"`)
)

// TestEverythingReferredToIsThere follows the links of the page and the
// imports of its scripts, and finds no file that nothing refers to.
func TestEverythingReferredToIsThere(t *testing.T) {
	files := sources(t)
	used := map[string]bool{"index.html": true}
	for name, text := range files {
		refs := imported.FindAllStringSubmatch(text, -1)
		if name == "index.html" {
			refs = append(refs, linked.FindAllStringSubmatch(text, -1)...)
		}
		for _, ref := range refs {
			target := strings.TrimPrefix(ref[1], "./")
			if _, ok := files[target]; !ok {
				t.Errorf("%s refers to %s, which is not there", name, ref[1])
			}
			used[target] = true
		}
	}
	for name := range files {
		if !used[name] {
			t.Errorf("nothing refers to %s", name)
		}
	}
}

func TestNothingInlineAndNothingForeign(t *testing.T) {
	for name, text := range sources(t) {
		if name == "index.html" {
			if m := inline.FindString(text); m != "" {
				t.Errorf("%s: %q is against the policy", name, m)
			}
		}
		text = strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")
		if m := foreign.FindString(text); m != "" {
			t.Errorf("%s: %q is another host", name, m)
		}
		if m := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function`).FindString(text); m != "" {
			t.Errorf("%s: %s makes markup or code from text", name, m)
		}
	}
	// The patterns find what they are for.
	for _, bad := range []string{`<p style="x">`, `<a onclick="x">`, `<script>x`, `<style>`} {
		if !inline.MatchString(bad) {
			t.Errorf("the pattern misses %s", bad)
		}
	}
	if !foreign.MatchString(`src="//cdn.example/x.js"`) {
		t.Error("the pattern misses another host")
	}
}

// TestScriptsAndPageAgreeOnIDs checks each element that a script looks up.
func TestScriptsAndPageAgreeOnIDs(t *testing.T) {
	files := sources(t)
	ids := map[string]bool{}
	for _, m := range named.FindAllStringSubmatch(files["index.html"], -1) {
		if ids[m[1]] {
			t.Errorf("id %s is given twice", m[1])
		}
		ids[m[1]] = true
	}
	found := 0
	for name, text := range files {
		for _, m := range wanted.FindAllStringSubmatch(text, -1) {
			id := m[1] + m[2]
			if strings.HasSuffix(id, "-") { // one per state, as in n-moving
				continue
			}
			found++
			if !ids[id] {
				t.Errorf("%s looks for #%s, which the page does not have", name, id)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d look-ups found: the pattern misses them", found)
	}
}

// TestThemeVariablesAreDefined checks the colours that the canvas asks for.
func TestThemeVariablesAreDefined(t *testing.T) {
	files := sources(t)
	list := regexp.MustCompile(`NAMES = \[([^\]]+)\]`).FindStringSubmatch(files["theme.js"])
	if list == nil {
		t.Fatal("no list of names in theme.js")
	}
	for _, m := range regexp.MustCompile(`'([a-z-]+)'`).FindAllStringSubmatch(list[1], -1) {
		if n := strings.Count(files["style.css"], "--"+m[1]+":"); n != 2 {
			t.Errorf("--%s is defined %d times, want once for light and once for dark", m[1], n)
		}
	}
}

// TestColoursContrast checks the pairs of colours that meet on the screen, in
// light and in dark: 4.5 for text, 3 for shapes (WCAG 2.1, 1.4.3 and 1.4.11).
func TestColoursContrast(t *testing.T) {
	css := sources(t)["style.css"]
	light, dark, found := strings.Cut(css, "prefers-color-scheme: dark")
	if !found {
		t.Fatal("no dark colours in style.css")
	}
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"text", "panel", 4.5}, {"soft", "panel", 4.5}, {"text", "ground", 4.5}, {"soft", "ground", 4.5},
		{"grid-text", "ground", 4.5}, {"panel", "moving", 4.5}, {"edge", "panel", 3}, {"bad", "panel", 3},
		{"moving", "ground", 3}, {"stopped", "ground", 3}, {"silent", "ground", 3}, {"located", "ground", 3}, {"select", "ground", 3},
	}
	for name, part := range map[string]string{"light": light, "dark": dark} {
		for _, p := range pairs {
			front, back := luminance(t, part, p.front), luminance(t, part, p.back)
			if got := (max(front, back) + 0.05) / (min(front, back) + 0.05); got < p.least {
				t.Errorf("%s: --%s on --%s has %.2f, want %.1f", name, p.front, p.back, got, p.least)
			}
		}
	}
}

// luminance is that of a colour variable, relative to white (WCAG 2.1).
func luminance(t *testing.T, css, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`--` + name + `: #([0-9a-f]{6});`).FindStringSubmatch(css)
	if m == nil {
		t.Fatalf("no colour --%s", name)
	}
	rgb, err := strconv.ParseUint(m[1], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(shift uint) float64 {
		c := float64(rgb>>shift&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}

func TestFilesStayShort(t *testing.T) {
	for name, text := range sources(t) {
		if n := strings.Count(text, "\n"); n > 300 {
			t.Errorf("%s has %d lines", name, n)
		}
	}
}
