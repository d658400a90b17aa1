// Package stack puts up what a load run needs: Redis, PostgreSQL where wanted,
// and Pitwall itself as processes of their own, built from this source tree.
// Everything is on free ports of 127.0.0.1 and in a temporary folder, and gone
// after Close. An installation that runs already is a Site too, of which only
// the addresses are known.
//
// A Site is used by one goroutine; its fields may be read by any once Start
// has returned.
package stack
