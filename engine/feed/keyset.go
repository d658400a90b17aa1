package feed

import (
	"slices"

	"pitwall/engine/internal/redis"
)

// keySet is what a live process keeps in Redis for some streams: a lease of its
// instance id, and its entry in the registry of ephemeral instances. On a single
// server all streams share one. On a Cluster each stream has its own, with keys in
// the stream's slot, because reads and lease must be on one server and scripts work
// on one slot only.
type keySet struct {
	client    *redis.Client
	streams   []string
	lease     *lease
	ephemeral bool // the instance is in the registry
}

// newKeySets returns the key sets of the streams.
func newKeySets(o *Options, id *identity) []*keySet {
	if !o.Client.IsCluster() {
		return []*keySet{newKeySet(o, id, o.Streams, leaseCheck)}
	}
	var list []*keySet
	// Every process uses the same order. Otherwise two starting processes could each
	// take one lease, and both be refused.
	for _, stream := range slices.Sorted(slices.Values(o.Streams)) {
		list = append(list, newKeySet(o, id, []string{stream}, leaseCheck+" "+stream))
	}
	return list
}

func newKeySet(o *Options, id *identity, streams []string, check string) *keySet {
	k := &keySet{client: o.Client, streams: streams, ephemeral: o.Ephemeral}
	k.lease = &lease{
		identity: id, client: o.Client, key: k.key(leaseKey(id.id)), ttl: o.LeaseTTL,
		renewed: o.Health.Check(check, o.ReadyAway),
	}
	return k
}

// key returns a key of the set.
func (k *keySet) key(name string) string { return k.client.ColocatedKey(k.streams[0], name) }

// registry returns the key of the registry.
func (k *keySet) registry() string { return k.key(registryKey) }
