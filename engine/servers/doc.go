// Package servers starts the real servers that tests and the load harness
// need, redis-server (alone, as a Cluster, or with Sentinels) and PostgreSQL, on
// free ports of 127.0.0.1. No position
// passes through it, and nothing that serves spectators imports it.
//
// Tests use it through engine/internal/testenv, which ties a server to a test;
// bench uses it as it is.
//
// # What is left behind
//
// Nothing. Who starts a server ends it (Redis.End, RedisCluster.End,
// Cluster.Remove). The kernel
// is told to end it when the starting process dies in any other way; the
// folder of a cluster is then removed by the next NewCluster.
//
// # Goroutines
//
// Each Process has one goroutine, bound to its thread, that waits for it to
// end. The methods of Redis and Cluster may be called from any goroutine.
//
// # Caveats
//
// Linux only. PostgreSQL refuses to run as root: for root the cluster is owned
// by the user postgres, or nobody.
package servers
