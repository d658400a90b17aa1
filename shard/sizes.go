package shard

import "reflect"

// Sizes of what the core keeps for a connection, in bytes.
var (
	chunkBytes = int(reflect.TypeFor[Chunk]().Size())
	subBytes   = int(reflect.TypeFor[sub]().Size())
)

// SubscriptionBytes is the memory that one subscription takes on all shards, in
// bytes. Any goroutine may call it.
func (c *Core) SubscriptionBytes() int {
	const listed = 2 * 8 // its pointer in a list of subscribers, twice: the list grows by doubling
	return len(c.workers) * (subBytes + listed)
}

// Control reports whether c was made by NewControl.
func (c *Chunk) Control() bool { return c.kind == chunkControl }

// Cost is the memory that a chunk of NewControl takes, in bytes.
func (c *Chunk) Cost() int { return chunkBytes + cap(c.head) }
