package redis

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestScriptsListsAllScripts looks for script constants in the source of the
// package.
func TestScriptsListsAllScripts(t *testing.T) {
	source, err := parser.ParseFile(token.NewFileSet(), "scripts.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	ast.Inspect(source, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok {
			listed = append(listed, name.Name)
		}
		return true
	})
	n := 0
	for name, text := range constants(t) {
		if !strings.Contains(text, "redis.call(") {
			continue
		}
		if n++; !slices.Contains(listed, name) {
			t.Errorf("%s is a script and not in Scripts", name)
		}
	}
	if got := len(Scripts()); n != got {
		t.Errorf("%d scripts are in the source, %d in Scripts", n, got)
	}
}

// constants returns the string constants of the package by name.
func constants(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, v := range spec.Values {
				if text, ok := v.(*ast.BasicLit); ok && text.Kind == token.STRING {
					found[spec.Names[i].Name] = text.Value
				}
			}
			return true
		})
	}
	return found
}
