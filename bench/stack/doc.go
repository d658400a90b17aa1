// Package stack starts the servers that a run needs: Redis, PostgreSQL where
// wanted, and Pitwall itself in processes of its own, built from this source
// tree. They listen on free ports of 127.0.0.1 and keep their files in a
// temporary folder; after Close all of it is gone. An installation that already
// runs is a Stack too, of which only the addresses are known.
//
// One goroutine uses a Stack. Any goroutine may read its fields once Start has
// returned.
package stack
