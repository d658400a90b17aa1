// Package servers starts the real servers that tests and the load harness
// need, on free ports of 127.0.0.1: redis-server (alone, as a Cluster, or with
// Sentinels), PostgreSQL and PgBouncer. It is test support. Only tests, testenv
// and bench may import it, and archtest checks that.
//
// Tests use it through engine/internal/testenv, which ties a server to a test;
// bench uses it as it is.
//
// # Cleaning up
//
// Whoever starts a server ends it (Redis.End, RedisCluster.End, Cluster.Remove,
// Bouncer.Remove). If the process dies without doing so, the kernel ends the server,
// and the next NewCluster removes the folder of the cluster.
//
// # Goroutines
//
// Each Process has one goroutine, locked to its thread, that waits for its end. The
// methods of Process, Redis, Cluster and Bouncer may be called from any goroutine.
//
// # Caveats
//
// Linux only. PostgreSQL refuses to run as root: for root the cluster is owned
// by the user postgres, or nobody.
package servers
