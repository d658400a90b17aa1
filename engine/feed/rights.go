package feed

import "pitwall/engine/internal/redis"

// Rights returns the rights that the login needs for the feed. Without them positions
// are not read, or the groups of dead processes are not destroyed.
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

// Wishes returns rights that the feed can do without. If they are missing, a stale
// reader of the instance id is not disconnected, and each lost connection counts as a
// change of server.
func (f *Feed) Wishes() []redis.Right {
	return redis.Rights("", "info", "client|id", "client|setname", "client|list", "client|kill")
}
