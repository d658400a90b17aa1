package archtest

import "go/ast"

// The limits, in lines.
const (
	maxFile     = 300
	maxTestFile = 400
	maxFunction = 60
)

var sizeRules = []rule{
	{"file size", "a file is one idea and is read in one sitting: keep together what changes together",
		checkFileSize},
	{"function size", "a function fits on a screen: name its parts",
		checkFunctionSize},
}

func checkFileSize(files []*file, r report) {
	for _, f := range files {
		limit := maxFile
		if f.isTest() {
			limit = maxTestFile
		}
		if f.lines > limit {
			r(f, f.ast.Name.Pos(), "%d lines, at most %d", f.lines, limit)
		}
	}
}

// checkFunctionSize looks at functions, and at function literals outside of functions.
// Tests are exempt: their tables are long.
func checkFunctionSize(files []*file, r report) {
	for _, f := range files {
		if f.isTest() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			name := ""
			switch n := n.(type) {
			case *ast.FuncDecl:
				name = n.Name.Name
			case *ast.FuncLit:
				name = "a function literal"
			default:
				return true
			}
			if lines := f.line(n.End()) - f.line(n.Pos()) + 1; lines > maxFunction {
				r(f, n.Pos(), "%s has %d lines, at most %d", name, lines, maxFunction)
			}
			return false
		})
	}
}
