// Package houserules holds the rules of the house that a compiler does not
// know, as tests: which package may import which, one door per library, how
// long a file and a function may be, where goroutines, atomics and unsafe may
// stand, what must be documented.
//
// It has no code of its own. Each rule is a function over the parsed tree
// (go/parser), in a file of its own subject; the lists of exceptions stand
// together in lists_test.go, each line with its reason, and a line that is no
// longer needed fails the test as well. Each rule is proven on planted
// violations in planted_test.go, so that none can fall silent unnoticed.
//
// A broken rule fails the build with the place, what is wrong and why the
// rule is there. There are no escape comments: an exception is a line in a
// list, seen in review. Caveat: the rules see names, not types. A method
// called Go with one argument counts as a go statement, whatever it does.
package houserules
