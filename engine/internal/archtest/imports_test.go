package archtest

import (
	"go/ast"
	"slices"
	"strings"
)

// topFolders are all folders at the root that may hold Go code.
var topFolders = []string{"engine", "shard", "codec", "bench", "migrations", "cmd"}

// pureForbidden are parts of the standard library that the pure packages (codec, shard)
// may not import. Their tests may.
var pureForbidden = []string{"net", "os", "io/fs", "syscall", "database", "log", "net/http"}

var importRules = []rule{
	{"top folders", "readers find their way by the folders of the design, so a new one needs a decision",
		checkTopFolders},
	{"arrows", "imports point down only (cmd, engine, engine/front and engine/admin, components such as engine/live, engine/internal, shard, codec), and two packages of one level never import each other: so each level can be read, tested and used without those above it",
		checkArrows},
	{"libraries", "one package imports each library: replacing it is then one folder's work",
		checkLibraries},
	{"pure core", "shard and codec do no I/O and know no library: they could be lifted out and used elsewhere",
		checkPure},
	{"dot imports", "with a dot import neither readers nor these rules see where a name comes from",
		checkDotImports},
}

func checkTopFolders(files []*file, r report) {
	for _, f := range files {
		top, _, nested := strings.Cut(f.path, "/")
		if !nested {
			r(f, f.ast.Name.Pos(), "Go code at the root of the module")
		} else if !slices.Contains(topFolders, top) {
			r(f, f.ast.Name.Pos(), "folder %s is none of %s", top, strings.Join(topFolders, ", "))
		}
	}
}

// level names the level of the design that a folder belongs to.
func level(folder string) string {
	parts := strings.Split(folder, "/")
	switch {
	case parts[0] != "engine":
		return parts[0]
	case len(parts) == 1:
		return "engine"
	case parts[1] == "internal" && len(parts) > 2 && (parts[2] == "testenv" || parts[2] == "archtest"):
		return "tests"
	case parts[1] == "internal":
		return "internal"
	case parts[1] == "e2e" && len(parts) > 2 && parts[2] == "servers":
		return "servers"
	case slices.Contains([]string{"front", "admin", "config"}, parts[1]):
		return parts[1]
	case parts[1] == "e2e":
		return "e2e"
	}
	return "component"
}

// below lists for each level what its packages may import.
var below = map[string][]string{
	"cmd":        {"engine", "admin", "config"},
	"bench":      {"engine", "component", "servers", "shard", "codec"},
	"engine":     {"config", "front", "component", "internal", "shard", "codec"},
	"front":      {"component", "internal", "shard", "codec"},
	"admin":      {"config", "component", "internal", "shard", "codec"},
	"config":     {"internal"},
	"component":  {"internal", "shard", "codec"},
	"internal":   {"internal", "shard", "codec", "migrations"},
	"tests":      {"tests", "servers"},
	"e2e":        {"engine", "admin", "config", "tests", "servers"},
	"servers":    {},
	"shard":      {"codec"},
	"codec":      {},
	"migrations": {},
}

// belowInTests is what tests may import on top of that.
var belowInTests = map[string][]string{
	"cmd":    {"component", "internal", "shard", "codec"},
	"bench":  {"cmd"},
	"engine": {"e2e", "admin"},
	"e2e":    {"component", "internal", "shard", "codec"},
}

func checkArrows(files []*file, r report) {
	for _, f := range files {
		from := level(f.dir())
		for _, i := range f.imports() {
			p, spec := i.path, i.spec
			target, own := strings.CutPrefix(p, module+"/")
			if !own || target == f.dir() || sameComponent(f.dir(), target) {
				continue
			}
			to := level(target)
			allowed := slices.Contains(below[from], to)
			if f.isTest() {
				allowed = allowed || slices.Contains(belowInTests[from], to) || to == "tests"
			}
			if !allowed {
				r(f, spec.Pos(), "%s (%s) imports %s (%s)", f.dir(), from, target, to)
			}
		}
	}
}

// sameComponent reports whether two folders belong to one component, which is a package
// with those below it. engine/ and its components are different ones.
func sameComponent(a, b string) bool {
	top := func(folder string) string {
		n := 1
		switch level(folder) {
		case "component", "front", "admin", "config", "e2e":
			n = 2
		case "internal", "tests", "servers":
			n = 3
		}
		parts := strings.Split(folder, "/")
		return strings.Join(parts[:min(n, len(parts))], "/")
	}
	return top(a) == top(b)
}

func checkLibraries(files []*file, r report) {
	for _, f := range files {
		for _, i := range f.imports() {
			p, spec := i.path, i.spec
			if !isLibrary(p) {
				continue
			}
			n := slices.IndexFunc(libraries, func(l library) bool {
				return p == l.path || strings.HasPrefix(p, l.path+"/")
			})
			if n < 0 {
				r(f, spec.Pos(), "no package is named for %s: add a line to libraries", p)
				continue
			}
			l := libraries[n]
			in := slices.ContainsFunc(l.where, f.in)
			if !in && !(l.tests && f.isTest()) {
				r(f, spec.Pos(), "%s belongs to %s (%s)", p, whereText(l), l.why)
			}
		}
	}
}

// isLibrary reports whether an import path is that of another module.
func isLibrary(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return strings.Contains(first, ".")
}

func whereText(l library) string {
	where := slices.Clone(l.where)
	if l.tests {
		where = append(where, "tests")
	}
	return strings.Join(where, ", ")
}

func checkPure(files []*file, r report) {
	for _, f := range files {
		if f.isTest() || !f.in("shard") && !f.in("codec") {
			continue
		}
		for _, i := range f.imports() {
			p, spec := i.path, i.spec
			forbidden := slices.ContainsFunc(pureForbidden, func(x string) bool {
				return p == x || strings.HasPrefix(p, x+"/")
			})
			if forbidden || isLibrary(p) {
				r(f, spec.Pos(), "imports %s", p)
			}
		}
	}
}

func checkDotImports(files []*file, r report) {
	for _, f := range files {
		for _, spec := range f.ast.Imports {
			if isName(spec.Name, ".") {
				r(f, spec.Pos(), "dot import of %s", spec.Path.Value)
			}
		}
	}
}

func isName(id *ast.Ident, name string) bool { return id != nil && id.Name == name }
