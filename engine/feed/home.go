package feed

import (
	"slices"

	"pitwall/engine/internal/redis"
)

// home is what a live process keeps in one place in Redis: a lease of its
// instance id, and its entry in the registry of ephemeral instances. A single
// server is one home for all streams. On a Cluster each stream is one, with keys
// in its slot: what must come from one server, or happen in one step, then does.
type home struct {
	client  *redis.Client
	streams []string
	lease   *lease
}

// newHomes makes the homes of the streams.
func newHomes(o *Options, id *identity) []*home {
	if !o.Client.IsCluster() {
		return []*home{newHome(o, id, o.Streams, leasePart)}
	}
	var list []*home
	// In one order everywhere: two that take leases by turns would both be refused.
	for _, stream := range slices.Sorted(slices.Values(o.Streams)) {
		list = append(list, newHome(o, id, []string{stream}, leasePart+" "+stream))
	}
	return list
}

func newHome(o *Options, id *identity, streams []string, part string) *home {
	h := &home{client: o.Client, streams: streams}
	h.lease = &lease{
		identity: id, client: o.Client, key: h.key(leaseKey(id.id)), ttl: o.LeaseTTL,
		renewed: o.Health.Check(part, o.ReadyAway),
	}
	return h
}

// key is the name of a key at home.
func (h *home) key(name string) string { return h.client.Beside(h.streams[0], name) }

// registry is the key of the registry at home.
func (h *home) registry() string { return h.key(registryKey) }
