// Package stack starts the servers of a run: Redis, PostgreSQL if wanted, and
// Pitwall in processes of its own, built from this source tree. They listen on free
// ports of 127.0.0.1 and keep their files in a temporary folder. Close stops them
// and removes the folder. A Stack can also be an installation that already runs; then
// only its addresses are known.
//
// Only one goroutine may use a Stack. Once Start has returned, any goroutine may
// read its fields.
package stack
