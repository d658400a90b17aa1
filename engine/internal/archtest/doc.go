// Package archtest checks the rules of this repository that the compiler does not
// know: which package may import which, which package may import a library, how
// long a file and a function may be, where goroutines, atomics and unsafe are
// allowed, and what must be documented.
//
// It has tests only. Each rule is a function over the parsed tree (go/parser).
// Rules about one subject share a file. The lists of exceptions are in
// lists_test.go, each line with its reason. A line that is not needed fails the
// test as well. planted_test.go runs each rule on source that breaks it, so that no
// rule stops working unnoticed.
//
// A broken rule fails the test with the place, what is wrong, and the reason for the
// rule. No comment switches a rule off: an exception is a line in a list, which
// reviewers see.
//
// # Caveats
//
// The rules see names, not types. A method called Go with one argument counts as
// a go statement, whatever it does.
package archtest
