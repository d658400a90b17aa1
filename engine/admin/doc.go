// Package admin implements the commands of cmd/pitwall that need no running engine:
// migrations, the roster, share links and tokens, dead letters, partitions. No
// position passes through it.
//
// Each command is one function. It opens the database or Redis, does its work,
// prints what it did to out, and closes the connection. The commands may run while
// other processes serve, which see the changes through notifications of the
// database.
//
// # Goroutines
//
// Every function runs on its caller's goroutine until it is done or ctx ends. They
// share nothing, so any number may run at the same time.
//
// # Caveats
//
// The output may contain text from records and clients. Values that must not break
// their line go through plain.Text here. The caller's writer must escape the rest
// (Plain).
package admin
