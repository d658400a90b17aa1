package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
)

// listedRule is a rule with a list of excepted files. make makes the rule with another
// list, which shows the lines that nothing needs.
type listedRule struct {
	list []exception
	make func(list []exception) rule
}

var listedRules = []listedRule{
	{atomicFiles, atomicRule},
	{unsafeFiles, unsafeRule},
	{goFiles, goRule},
	{mutexFiles, mutexRule},
	{clockFiles, clockRule},
	{skipFiles, skipRule},
}

// listed reports whether a line of the list names the file.
func listed(list []exception, f *file) bool {
	return slices.ContainsFunc(list, func(e exception) bool {
		ok, err := path.Match(e.files, f.path)
		return ok && err == nil
	})
}

func atomicRule(list []exception) rule {
	return rule{"atomics", "a mutex or a channel comes first: lock-free code is for places where a measurement asked for it",
		func(files []*file, r report) {
			for _, f := range files {
				if spec := f.importOf("sync/atomic"); spec != nil && !f.isTest() && !listed(list, f) {
					r(f, spec.Pos(), "sync/atomic outside the files of atomicFiles")
				}
			}
		}}
}

func unsafeRule(list []exception) rule {
	return rule{"unsafe", "nobody should have to prove memory safety by hand",
		func(files []*file, r report) {
			for _, f := range files {
				if spec := f.importOf("unsafe"); spec != nil && !listed(list, f) {
					r(f, spec.Pos(), "unsafe outside the files of unsafeFiles")
				}
			}
		}}
}

// goRule finds go statements and calls of a method Go with one argument, as
// sync.WaitGroup and errgroup.Group have it.
func goRule(list []exception) rule {
	return rule{"go statements", "each goroutine has an owner that waits for its end: the list names it",
		func(files []*file, r report) {
			for _, f := range files {
				if f.isTest() || listed(list, f) {
					continue
				}
				ast.Inspect(f.ast, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.GoStmt:
						r(f, n.Pos(), "go statement outside the files of goFiles")
					case *ast.CallExpr:
						if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Go" && len(n.Args) == 1 {
							r(f, n.Pos(), "goroutine started by a method Go outside the files of goFiles")
						}
					}
					return true
				})
			}
		}}
}

func mutexRule(list []exception) rule {
	return rule{"locks in the core", "a shard's goroutine never waits for a lock",
		func(files []*file, r report) {
			for _, f := range files {
				if f.isTest() || !f.in("shard") || listed(list, f) {
					continue
				}
				f.uses("sync", []string{"Mutex", "RWMutex", "Cond"}, func(pos token.Pos, member string) {
					r(f, pos, "sync.%s outside the files of mutexFiles", member)
				})
			}
		}}
}

func clockRule(list []exception) rule {
	members := []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	return rule{"clock in the core", "shard and codec are handed the time, so that tests own it",
		func(files []*file, r report) {
			for _, f := range files {
				if f.isTest() || !f.in("shard") && !f.in("codec") || listed(list, f) {
					continue
				}
				f.uses("time", members, func(pos token.Pos, member string) {
					r(f, pos, "time.%s outside the files of clockFiles", member)
				})
			}
		}}
}

func skipRule(list []exception) rule {
	return rule{"skipped tests", "a skipped test has not passed: use a build tag for a test that cannot run here, and let one fail that lacks a server",
		func(files []*file, r report) {
			for _, f := range files {
				if !f.isTest() && !f.in("engine/internal/testenv") || listed(list, f) {
					continue
				}
				ast.Inspect(f.ast, func(n ast.Node) bool {
					call, ok := n.(*ast.CallExpr)
					if !ok {
						return true
					}
					sel, ok := call.Fun.(*ast.SelectorExpr)
					if ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
						r(f, n.Pos(), "%s outside the files of skipFiles", sel.Sel.Name)
					}
					return true
				})
			}
		}}
}

var sleepRule = rule{"sleep", "a sleep is too short or too long: wait for the condition (testenv.Eventually), a timer with the context, or testing/synctest",
	func(files []*file, r report) {
		for _, f := range files {
			f.uses("time", []string{"Sleep"}, func(pos token.Pos, _ string) {
				r(f, pos, "time.Sleep")
			})
		}
	}}
