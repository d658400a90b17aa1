package archtest

// The lists below are the only exceptions from rules. The first word of a line is a file,
// or a pattern of files for path.Match. The second is the reason, for readers. A line
// that nothing needs fails TestListsHaveNoDeadLines.

// exception is one line of a list.
type exception struct{ files, reason string }

// atomicFiles may import sync/atomic (tests apart).
var atomicFiles = []exception{
	{"shard/turn_ownership.go", "which goroutine may turn a shard"},
	{"shard/ring/*.go", "the queue of a connection"},
	{"shard/conn.go", "the states of a connection that shards and its writer share"},
	{"shard/runqueue.go", "connections with something to send"},
	{"shard/inbox.go", "commands to a shard"},
	{"shard/op.go", "how many shards still have to carry out a command"},
	{"shard/flush_schedule.go", "the flush time that the shards of a topic share"},
	{"shard/pool.go", "chunks that writers return"},
	{"shard/chunk.go", "the count of a chunk's references"},
	{"shard/core.go", "the snapshot in force, the window, and the number of subscribes"},
	{"shard/worker.go", "up to which flush time a shard has come, for writers that gather"},
	{"shard/stats.go", "published counters"},
	{"shard/history.go", "from which moment on a shard remembers its changes: it writes, sessions read"},
	{"shard/reached.go", "how far a shard has come: it writes, the server reads"},
	{"shard/age.go", "a histogram that its shard writes and any goroutine reads"},
	{"engine/live/socket.go", "how a connection ends: seen by reader, writer and gws"},
	{"engine/live/fdguard.go", "a descriptor that the writer uses and any goroutine closes"},
	{"engine/live/outbox.go", "the close frame, the pong and requests that wait: set by any goroutine, taken by the consumer"},
	{"engine/live/session.go", "the states that reader, dispatchers, shards and writer share"},
	{"engine/live/account.go", "what is held for a connection: reader, dispatchers and writer add, enforceMemory reads"},
	{"engine/live/measuredconn.go", "the size of a TLS read buffer: the reader writes, enforceMemory reads"},
	{"engine/live/dispatch.go", "sessions with requests: shards add them, and must not wait"},
	{"engine/live/cursor.go", "what cursors say at present: one goroutine writes, dispatchers read"},
	{"engine/live/server.go", "counters of connections, and the drain"},
	{"engine/live/authstate.go", "that a session is to be checked again: set by timers and notifications, taken by a dispatcher"},
	{"engine/live/authpool.go", "whether a request has its decision: set by the pool, read by a dispatcher that is about to go idle"},
	{"engine/live/sessioncheck.go", "whether a session has its decisions: set by the pool, read by a dispatcher that is about to go idle"},
	{"engine/live/passtimer.go", "how long a writer's drain pass takes, read by adaptWindow"},
	{"engine/live/histogram.go", "the latency histogram, written by the writers"},
}

// unsafeFiles may import unsafe.
var unsafeFiles = []exception{
	{"codec/alias.go", "a string over a request's bytes, without a copy"},
	{"shard/make_nozero.go", "memory for a large body, without clearing it"},
}

// goFiles may start goroutines (tests apart). The reason names who waits.
var goFiles = []exception{
	{"shard/core.go", "one goroutine per shard; Core.Run waits"},
	{"shard/internal/step/player.go", "the threads of a model, each ends before the schedule is checked; under the tag ringmodel only"},
	{"cmd/pitwall/main.go", "the signals, until the process ends; the greeting, which serve waits for"},
	{"cmd/pitwall/top.go", "the keys of the terminal, until the process ends"},
	{"cmd/pitwall/progress.go", "one that tells how long a command takes; it ends with the command"},
	{"bench/runner/*.go", "the publisher, the platform, the spectator that is withdrawn, and what happens beside the steady phase: the run waits"},
	{"bench/attack/*.go", "one per attacker, and one that reads for some; Run waits"},
	{"bench/clocks/*.go", "one per spectator, one that compares the screens, and one per stream while a leg lasts; run and leg wait"},
	{"bench/baseline/*.go", "one per bare loop, for which the flush waits; the listener, until the process ends"},
	{"bench/internal/process/*.go", "one that reads what a process writes, for which End waits; one that reads orders, until its process ends"},
	{"bench/internal/relay/*.go", "the accept loop, and two per connection; Close waits"},
	{"engine/engine.go", "one per component; stopComponents waits"},
	{"engine/eventmap/map.go", "the listener; Map.Run waits"},
	{"engine/live/server.go", "writers, dispatch, heartbeat; Server.Run waits"},
	{"engine/live/upgrade.go", "one reader per connection; the session's end is counted by the server, which waits"},
	{"engine/live/authpool.go", "one per access decision under way, bounded; Server.Run waits"},
	{"engine/live/parked.go", "one goroutine per full socket; Server.Run waits for them"},
	{"engine/access/guard.go", "refresh of keys and lists, connection slots; Guard.Run waits"},
	{"engine/feed/lease.go", "one renewal for each further stream on a Cluster; Feed.KeepLease waits"},
	{"engine/feed/feed.go", "one reader and one for the lag per stream, and one that keeps the groups; Feed.Run waits"},
	{"engine/embedded/redis.go", "the accept loop; Redis.Close waits"},
	{"engine/archive/archive.go", "one reader per stream; Archive.Run waits"},
	{"engine/corrections/corrections.go", "the listener; Corrector.Run waits"},
	{"engine/archive/parallel.go", "one insert per part of a batch; insert waits"},
	{"engine/internal/db/postgres.go", "the end of the pool; Close waits"},
	{"engine/e2e/e2etest/engine.go", "the engine's Run; Stop waits"},
	{"engine/e2e/e2etest/client.go", "the reader of a connection; Close and Cut wait"},
	{"engine/e2e/servers/process.go", "one per server, bound to its thread; End waits for done"},
	{"engine/internal/testenv/proxy.go", "accept loop and relays; the test's cleanup waits"},
}

// mutexFiles of shard/ may use a mutex (everywhere else they are free to).
var mutexFiles = []exception{
	{"shard/core.go", "guards the table of topics for subscribes and new snapshots, never in the fan-out"},
	{"shard/ring/locked.go", "a plain queue to compare the ring with, under the tag plainring only"},
}

// clockFiles of shard/ and codec/ may ask for the time (tests apart).
var clockFiles = []exception{
	{"shard/core.go", "the default clock, which Options can replace"},
	{"shard/wake_timer.go", "the timer that wakes a shard at its next flush time, which the clock of Options gives"},
}

// skipFiles may skip tests.
var skipFiles = []exception{}

// library is a module from outside and where it may be imported. An import of
// a module that has no line here is refused: name the package that may use it first.
type library struct {
	path  string   // of the module, a prefix of the import path
	where []string // folders, with those below them
	tests bool     // tests may import it anywhere
	why   string
}

var libraries = []library{
	{"github.com/redis/rueidis", []string{"engine/internal/redis", "bench"}, false, "the only client of Redis"},
	{"github.com/lxzan/gws", []string{"engine/live", "bench"}, true, "the only WebSocket server"},
	{"github.com/jackc/pgx", []string{"engine/internal/db"}, false, "the only client of databases"},
	{"modernc.org/sqlite", []string{"engine/internal/db"}, false, "the only client of databases"},
	{"github.com/pressly/goose", []string{"engine/internal/db", "migrations"}, false, "the only client of databases"},
	{"github.com/alicebob/miniredis", []string{"engine/embedded"}, true, "the embedded Redis is one package's business"},
	{"github.com/alecthomas/kong", []string{"engine", "cmd", "bench"}, false, "flags and environment are read into one struct"},
	{"github.com/VictoriaMetrics/metrics", []string{"engine", "cmd", "bench"}, true, "the core counts in plain numbers, which ops reads"},
	{"github.com/mattn/go-isatty", []string{"engine", "cmd"}, false, "only the status line asks for a terminal"},
	{"golang.org/x/sys", []string{"engine", "bench"}, true, "the core does no I/O"},
	{"golang.org/x/term", []string{"cmd"}, false, "only the command top owns a terminal"},
	{"github.com/creack/pty", nil, true, "for tests: a terminal"},
	{"golang.org/x/sync", []string{"engine", "bench", "cmd"}, true, "the core starts its own goroutines"},
	{"github.com/klauspost/compress", []string{"engine/live", "bench"}, true, "frames are compressed where they are written"},
	{"github.com/go-jose/go-jose", []string{"engine/access", "bench"}, true, "the only place that checks signatures of tokens"},
	{"github.com/pires/go-proxyproto", []string{"engine/front"}, true, "the PROXY protocol in front of the public listener"},
	{"github.com/HdrHistogram/hdrhistogram-go", []string{"bench"}, false, "latencies are counted by the load harness"},
	{"github.com/google/pprof", []string{"bench"}, false, "profiles are read by the load harness"},
	{"go.uber.org/goleak", []string{"engine/internal/testenv"}, true, "for tests"},
	{"github.com/google/go-cmp", nil, true, "for tests"},
	{"github.com/coder/websocket", []string{"bench", "engine/e2e"}, true, "for tests: a client that shares no library with the server"},
	{"github.com/chromedp", []string{"engine/e2e/e2etest/chromium"}, false, "for tests: the browser"},
	{"github.com/goccy/go-json", []string{"bench"}, true, "a comparison with the codec in benchmarks"},
	{"github.com/puzpuzpuz/xsync", []string{"engine/live", "bench"}, true, "the table of sessions; a comparison in benchmarks"},
}
