// Package scenario describes loads. A scenario is a named load that stands for a
// situation. Its plan says what is published, who watches and for how long; flags
// may change the plan. Package runner carries it out.
//
// Values may be read by any goroutine.
package scenario
