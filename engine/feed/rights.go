package feed

import "pitwall/engine/internal/redis"

// Rights are what the login needs for the feed: without one of them positions
// are not read, or groups of processes that are gone stay.
func (f *Feed) Rights() []redis.Right {
	list := append(redis.Rights("", "multi", "ping", "time"), f.opt.Client.ClusterRights()...)
	for _, k := range f.keySets {
		list = append(list, redis.Rights(k.lease.key, "eval", "get", "set", "del", "exists")...)
		list = append(list, redis.Rights(k.registry(), "hgetall", "hset", "hdel")...)
	}
	for _, r := range f.readers {
		list = append(list, redis.Rights(r.stream, "xreadgroup", "xgroup|create", "xgroup|setid", "xgroup|destroy",
			"xinfo|stream", "xinfo|groups", "xpending", "xrange", "xrevrange", "eval")...)
	}
	return list
}

// Wishes are rights that the feed does without, at a price: a holder of the
// instance id that stood still is not shut out, and each lost connection counts
// as another server.
func (f *Feed) Wishes() []redis.Right {
	return redis.Rights("", "info", "client|id", "client|setname", "client|list", "client|kill")
}
