package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// logLines returns the message of each warning and error that the packages below
// engine and cmd log, with the file that has it.
func logLines(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	collectLogLines(t, found, "engine")
	collectLogLines(t, found, "cmd")
	if len(found) < 40 {
		t.Fatalf("%d messages found, want all", len(found))
	}
	return found
}

func collectLogLines(t *testing.T, found map[string]string, folder string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "e2e" || d.Name() == "testenv" || d.Name() == "admin") {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := logMessage(n); ok {
				found[text] = path
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// logMessage returns the message of a call of Warn or Error with a literal.
func logMessage(n ast.Node) (text string, ok bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return "", false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Warn" && method.Sel.Name != "Error" {
		return "", false
	}
	return literal(call.Args[0])
}

// literal returns a string literal, or the first one of a sum.
func literal(e ast.Expr) (text string, ok bool) {
	if sum, isSum := e.(*ast.BinaryExpr); isSum {
		return literal(sum.X)
	}
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

var (
	tableRow = regexp.MustCompile(`(?m)^\| (.*?) \|`)
	codeSpan = regexp.MustCompile("`([^`]+)`")
)

// Each warning and error of the log is explained, and each line that LOGS.md explains
// is one that the program has.
func TestLogLinesAreExplained(t *testing.T) {
	lines := logLines(t)
	explained := map[string]string{} // beginnings of lines, by page
	for _, path := range []string{"engine/ops/LOGS.md", "engine/archive/README.md"} {
		for _, row := range tableRow.FindAllStringSubmatch(onPage(t, path).text, -1) {
			for _, span := range codeSpan.FindAllStringSubmatch(row[1], -1) {
				explained[span[1]] = path
			}
		}
	}
	used := map[string]bool{}
	for line, file := range lines {
		is := false
		for text := range explained {
			if strings.HasPrefix(line, text) || len(text) > 15 && strings.Contains(line, text) {
				used[text], is = true, true
			}
		}
		if !is {
			t.Errorf("neither LOGS.md nor engine/archive/README.md explains %q of %s", line, file)
		}
	}
	for text, path := range explained {
		if path == "engine/ops/LOGS.md" && !used[text] && !elsewhere[text] {
			t.Errorf("%s explains %q, which nothing logs", path, text)
		}
	}
}

// elsewhere are lines whose level or text is made when they are logged.
var elsewhere = map[string]bool{
	"everybody who reaches HTTP_ADDR may watch every event":      true,
	"the environment variable … is not a setting and is ignored": true,
}
