// Package scenario describes loads: what is published, who watches, for how
// long, and what happens meanwhile. A scenario is a load with a meaning and a
// name; its plan holds the sizes, which flags may change. It starts nothing:
// package runner does what a plan says.
//
// Values may be read by any goroutine.
package scenario
