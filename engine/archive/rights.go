package archive

import "pitwall/engine/internal/redis"

// Rights are what the Redis login needs for the archive, including dead letters.
func (a *Archive) Rights() []redis.Right {
	list := append(redis.Rights("", "multi", "ping", "time"), a.opt.Client.ClusterRights()...)
	for _, m := range a.monitors {
		list = append(list, redis.Rights(m.stream, "xreadgroup", "xack", "xautoclaim", "xpending", "xrange", "eval",
			"xgroup|create", "xgroup|delconsumer", "xinfo|stream", "xinfo|groups", "xinfo|consumers")...)
		list = append(list, letterRights(m.deadKey)...)
		list = append(list, redis.Rights(m.deadKey, "xtrim", "memory|usage")...)
	}
	return list
}

// letterRights are the rights that are needed to write and count dead letters.
func letterRights(key string) []redis.Right { return redis.Rights(key, "eval", "xadd", "xlen") }
