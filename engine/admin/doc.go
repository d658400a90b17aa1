// Package admin is what the commands of cmd/pitwall do without a running engine:
// migrations, the roster, share links and tokens, dead letters, partitions. No
// position passes through it.
//
// Each command is one function. It opens the database or Redis, does one thing,
// prints what it did on out, and closes again. The commands may run beside
// processes that serve: what they change reaches those through notifications of
// the database.
//
// # Goroutines
//
// Every function runs on its caller's goroutine until it is done or ctx ends. They
// share nothing, so any number may run at the same time.
//
// # Caveats
//
// What is printed can hold text that a record or a client chose. Values that stand
// on a line of their own go through plain.Text here; the caller's writer has to
// escape the rest (Plain).
package admin
