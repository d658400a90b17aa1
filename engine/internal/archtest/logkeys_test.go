package archtest

import (
	"go/ast"
	"slices"
)

// logKeyRule finds errors that are logged under another key than error. It sees names:
// an error is called err, or is a call of a method Error.
var logKeyRule = rule{"log keys", "who searches a log for what failed looks for one key: error",
	func(files []*file, r report) {
		methods := []string{"Debug", "Info", "Warn", "Error", "Log", "With"}
		for _, f := range files {
			if f.isTest() {
				continue
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || !slices.Contains(methods, sel.Sel.Name) {
					return true
				}
				for i, arg := range call.Args {
					if i == 0 || !isError(arg) {
						continue
					}
					if key, ok := call.Args[i-1].(*ast.BasicLit); ok && key.Value != `"error"` && i > 1 {
						r(f, arg.Pos(), "an error is logged under %s, want \"error\"", key.Value)
					}
				}
				return true
			})
		}
	}}

func isError(e ast.Expr) bool {
	if call, ok := e.(*ast.CallExpr); ok {
		sel, ok := call.Fun.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Error" && len(call.Args) == 0
	}
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "err"
}
