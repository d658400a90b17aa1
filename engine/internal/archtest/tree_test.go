package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path of this module in go.mod.
const module = "pitwall"

// file is one parsed source file.
type file struct {
	path  string // from the root of the module, with slashes
	fset  *token.FileSet
	ast   *ast.File
	lines int
}

// dir returns the file's folder, "." for the root.
func (f *file) dir() string { return path.Dir(f.path) }

func (f *file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// in reports whether the file is in the folder or below it.
func (f *file) in(folder string) bool {
	return f.dir() == folder || strings.HasPrefix(f.path, folder+"/")
}

// line returns the line of a position.
func (f *file) line(p token.Pos) int { return f.fset.Position(p).Line }

// imported is one import of a file.
type imported struct {
	path string
	spec *ast.ImportSpec
}

// imports returns what the file imports, in the order of the file.
func (f *file) imports() []imported {
	var all []imported
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			all = append(all, imported{p, spec})
		}
	}
	return all
}

// importOf returns the first import of the package at path, nil for none.
func (f *file) importOf(importPath string) *ast.ImportSpec {
	for _, i := range f.imports() {
		if i.path == importPath {
			return i.spec
		}
	}
	return nil
}

// namesOf returns the names under which the file knows an imported package.
func (f *file) namesOf(importPath string) []string {
	var names []string
	for _, i := range f.imports() {
		switch {
		case i.path != importPath:
		case i.spec.Name != nil:
			names = append(names, i.spec.Name.Name)
		default:
			names = append(names, path.Base(importPath))
		}
	}
	return names
}

// uses calls fn for each mention of the named members of an imported package.
func (f *file) uses(importPath string, members []string, fn func(pos token.Pos, member string)) {
	names := f.namesOf(importPath)
	if len(names) == 0 {
		return
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || !slices.Contains(members, sel.Sel.Name) {
			return true
		}
		// A variable that hides the package counts as the package. Such a name would
		// mislead readers, too.
		if id, ok := sel.X.(*ast.Ident); ok && slices.Contains(names, id.Name) {
			fn(sel.Pos(), sel.Sel.Name)
		}
		return true
	})
}

// finding is one broken rule.
type finding struct {
	path string
	line int
	text string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.path, f.line, f.text) }

// report is what a rule calls for each finding.
type report func(f *file, pos token.Pos, format string, args ...any)

// rule looks at the whole tree.
type rule struct {
	name   string
	reason string // shown with each finding
	check  func(files []*file, r report)
}

// run returns what the rule finds in the files.
func (r rule) run(files []*file) []finding {
	var found []finding
	r.check(files, func(f *file, pos token.Pos, format string, args ...any) {
		found = append(found, finding{f.path, f.line(pos), fmt.Sprintf(format, args...)})
	})
	return found
}

// parseFile parses one source. The rules know the file by its path.
func parseFile(path string, src []byte) (*file, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, path, src, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	lines := bytes.Count(src, []byte("\n"))
	if !bytes.HasSuffix(src, []byte("\n")) {
		lines++
	}
	return &file{path: path, fset: fset, ast: tree, lines: lines}, nil
}

// loadTree parses every Go file of the module, whatever its build tags say.
func loadTree(t *testing.T) []*file {
	t.Helper()
	root := "../../.."
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("the module's root is not where it should be: %v", err)
	}
	var files []*file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil && p != root {
				return filepath.SkipDir // a module of its own: what the product does not depend on
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := parseFile(filepath.ToSlash(rel), src)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
