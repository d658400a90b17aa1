package archtest

import (
	"go/ast"
	"regexp"
	"strings"
)

// minPackageDoc is the least number of lines of a package's documentation.
const minPackageDoc = 5

var docRules = []rule{
	{"package docs", "a package doc says where its reader is: its place on the way of a position, its goroutines, its caveats",
		checkPackageDocs},
	{"documented names", "an exported name is a promise: say units, ranges, errors, and who may call it from which goroutine",
		checkExported},
	{"escape comments", "an exception is a line in a list, seen in review, not a comment that silences a tool",
		checkEscapes},
}

func checkPackageDocs(files []*file, r report) {
	lines := map[string]int{}
	first := map[string]*file{}
	for _, f := range files {
		if f.isTest() {
			continue
		}
		if first[f.dir()] == nil {
			first[f.dir()] = f
		}
		n := strings.Count(f.ast.Doc.Text(), "\n")
		lines[f.dir()] = max(lines[f.dir()], n)
	}
	for dir, f := range first {
		if lines[dir] < minPackageDoc {
			r(f, f.ast.Name.Pos(), "package %s has %d lines of documentation, at least %d", dir, lines[dir], minPackageDoc)
		}
	}
}

func checkExported(files []*file, r report) {
	for _, f := range files {
		if f.isTest() || f.ast.Name.Name == "main" {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil {
					r(f, d.Pos(), "%s has no documentation", d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					checkSpec(f, d, spec, r)
				}
			}
		}
	}
}

// checkSpec looks at the names of one type, const or var declaration. The comment of a
// group in parentheses is enough for its constants and variables, not for its types.
func checkSpec(f *file, d *ast.GenDecl, spec ast.Spec, r report) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return
		}
		if s.Doc == nil && s.Comment == nil && (d.Doc == nil || d.Lparen.IsValid()) {
			r(f, s.Pos(), "%s has no documentation", s.Name.Name)
		}
		if in, ok := s.Type.(*ast.InterfaceType); ok {
			checkMethods(f, s.Name.Name, in, r)
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
				r(f, name.Pos(), "%s has no documentation", name.Name)
			}
		}
	}
}

func checkMethods(f *file, owner string, in *ast.InterfaceType, r report) {
	for _, m := range in.Methods.List {
		if len(m.Names) == 1 && m.Names[0].IsExported() && m.Doc == nil && m.Comment == nil {
			r(f, m.Pos(), "%s.%s has no documentation", owner, m.Names[0].Name)
		}
	}
}

// exportedReceiver reports whether other packages can call a function by its name: it is
// no method, or its receiver's type is exported.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// escape matches comments that silence a linter or bypass the compiler.
var escape = regexp.MustCompile(`^//\s*(nolint\b|lint:|revive:|golangci|exhaustive:|go:linkname\b)|#nosec\b`)

func checkEscapes(files []*file, r report) {
	for _, f := range files {
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				if m := escape.FindString(c.Text); m != "" {
					r(f, c.Slash, "escape comment %q", m)
				}
			}
		}
	}
}
