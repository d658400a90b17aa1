package config

// Config holds all settings, from the environment or flags. --help and the table in
// the README of cmd/pitwall print the help texts.
type Config struct {
	Database
	Pools
	Streams
	Log
	Access
	Public

	HTTPAddr string `name:"http-addr" env:"HTTP_ADDR" default:"127.0.0.1:8080" help:"Public listener: the page and /live."`
	OpsAddr  string `name:"ops-addr" env:"OPS_ADDR" default:"127.0.0.1:9090" help:"Private listener: metrics, health, pprof."`

	InstanceID     string `name:"instance-id" env:"INSTANCE_ID" help:"Name of this process and of its consumer group. Spectators see it. Unset: the host name and a random part; spectators see only the random part."`
	LiveEnabled    bool   `name:"live" env:"LIVE_ENABLED" default:"true" negatable:"" help:"Serve spectators."`
	ArchiveEnabled bool   `name:"archive" env:"ARCHIVE_ENABLED" default:"true" negatable:"" help:"Write positions to the database."`
	Migrate        bool   `name:"migrate" env:"MIGRATE" help:"Apply pending migrations at start. The embedded database is always migrated."`
	Simulate       int    `name:"simulate" env:"SIMULATE" default:"0" range:"0 to 100000" help:"Simulate this many devices in the event demo. 0: none."`

	SimulateInDatabase bool `name:"simulate-in-database" env:"SIMULATE_IN_DATABASE" help:"With DATABASE_URL, let SIMULATE add the event demo and its positions to that database. The embedded one always takes them."`

	DataMaxAgeDays int   `name:"data-max-age-days" env:"DATA_MAX_AGE_DAYS" default:"365" range:"0 to 36500" help:"Days for which the embedded database keeps positions; those of simulated devices always for an hour. 0: no limit."`
	DataMaxBytes   int64 `name:"data-max-bytes" env:"DATA_MAX_BYTES" default:"10737418240" range:"0 to 70368744177664" help:"Size of the embedded database beyond which its oldest positions are deleted, in bytes. 0: no limit."`

	Shards            int `name:"live-shards" env:"LIVE_SHARDS" default:"0" range:"0 to 64" help:"Worker shards. 0: one per CPU."`
	Writers           int `name:"live-writers" env:"LIVE_WRITERS" default:"0" range:"0 to 64" help:"Writer goroutines. 0: one per CPU."`
	FlushMS           int `name:"live-flush-ms" env:"LIVE_FLUSH_MS" default:"100" range:"0 to 10000" help:"Least time between two flushes of a topic, in ms. 0: each batch is flushed at once."`
	FlushMaxMS        int `name:"live-flush-max-ms" env:"LIVE_FLUSH_MAX_MS" default:"2000" range:"0 to 60000" help:"Upper limit to which LIVE_FLUSH_MS grows for all topics while the writers or shards are overloaded, in ms."`
	RefreshMS         int `name:"live-device-event-refresh-ms" env:"LIVE_DEVICE_EVENT_REFRESH_MS" default:"30000" range:"100 to 86400000" help:"How often the device-event map is read, in ms."`
	FutureToleranceMS int `name:"live-future-tolerance-ms" env:"LIVE_FUTURE_TOLERANCE_MS" default:"5000" range:"0 to 86400000" help:"How far a device's clock may run ahead, in ms, before its positions are sent under their arrival time."`
	RingBytes         int `name:"live-ring-bytes" env:"LIVE_RING_BYTES" default:"262144" range:"1024 to 1073741824" help:"Unsent bytes at which a connection counts as slow if it stays there for a flush window."`
	RingSlots         int `name:"live-ring-slots" env:"LIVE_RING_SLOTS" default:"1024" range:"2 to 65536" help:"Unsent chunks at which a connection counts as slow if it stays there for a flush window."`
	RingMaxAgeMS      int `name:"live-ring-max-age-ms" env:"LIVE_RING_MAX_AGE_MS" default:"2000" range:"0 to 600000" help:"How long a chunk may wait for a full socket, in addition to the flush window, before the connection counts as slow, in ms. 0: until LIVE_RING_BYTES or LIVE_RING_SLOTS."`
	NotsentLowat      int `name:"live-notsent-lowat" env:"LIVE_NOTSENT_LOWAT" default:"16384" range:"0 to 1073741824" help:"Unsent bytes that the kernel may hold per connection (TCP_NOTSENT_LOWAT). 0: the kernel's default."`
	WriteTimeoutMS    int `name:"live-write-timeout-ms" env:"LIVE_WRITE_TIMEOUT_MS" default:"60000" range:"100 to 3600000" help:"A connection whose socket accepts nothing for this long is closed, in ms."`
	HeartbeatMS       int `name:"live-heartbeat-ms" env:"LIVE_HEARTBEAT_MS" default:"25000" range:"100 to 3600000" help:"Time between pings, in ms. Two unanswered pings close the connection."`
	MaxConnections    int `name:"live-max-connections" env:"LIVE_MAX_CONNECTIONS" default:"100000" range:"1 to 10000000" help:"Most connections."`
	MaxSubscriptions  int `name:"live-max-subscriptions" env:"LIVE_MAX_SUBSCRIPTIONS" default:"64" range:"1 to 100000" help:"Most topics per connection."`
	MaxMessageBytes   int `name:"live-max-message-bytes" env:"LIVE_MAX_MESSAGE_BYTES" default:"4096" range:"256 to 1048576" help:"Longest message of a client, in bytes."`
	RequestRate       int `name:"live-request-rate" env:"LIVE_REQUEST_RATE" default:"20" range:"1 to 1000000" help:"Requests per second of a connection."`
	RequestBurst      int `name:"live-request-burst" env:"LIVE_REQUEST_BURST" default:"128" range:"1 to 1000000" help:"Burst of requests of a connection."`
	SnapshotRate      int `name:"live-snapshot-rate" env:"LIVE_SNAPSHOT_RATE" default:"1048576" range:"0 to 1073741824" help:"Bytes per second of the snapshots that a connection may request by subscribing. Beyond it the next subscribe waits. 0: no limit."`
	SnapshotBurst     int `name:"live-snapshot-burst" env:"LIVE_SNAPSHOT_BURST" default:"16777216" range:"0 to 1073741824" help:"Burst of LIVE_SNAPSHOT_RATE, in bytes; one more snapshot is always allowed."`
	LameDuckMS        int `name:"live-lame-duck-ms" env:"LIVE_LAME_DUCK_MS" default:"0" range:"0 to 600000" help:"Period at shutdown in which /readyz says no and everything else still serves, in ms, so that load balancers stop sending clients here. A second signal ends it."`
	DrainMS           int `name:"live-drain-ms" env:"LIVE_DRAIN_MS" default:"3000" range:"0 to 600000" help:"Period over which connections are closed at shutdown, in ms."`
	FeedBatch         int `name:"feed-batch" env:"FEED_BATCH" default:"512" range:"1 to 100000" help:"Records per read of a stream."`

	ReadyRedisAwayMS int `name:"ready-redis-away-ms" env:"READY_REDIS_AWAY_MS" default:"15000" range:"0 to 86400000" help:"How long Redis may be unreachable, or a stream unread, before /readyz fails, in ms. A short interruption then takes no instance off the load balancer. 0: for ever."`

	DeviceRate         int `name:"live-device-rate" env:"LIVE_DEVICE_RATE" default:"50" range:"0 to 1000000" help:"Positions per second of one device that are shown, on average; beyond it only the newest is shown, when the rate allows it. The archive keeps all. 0: no limit."`
	DeviceBytes        int `name:"live-device-bytes" env:"LIVE_DEVICE_BYTES" default:"65536" range:"0 to 1073741824" help:"Bytes per second of one device's positions that are shown, limited in the same way. 0: no limit."`
	MaxAttributesBytes int `name:"live-max-attributes-bytes" env:"LIVE_MAX_ATTRIBUTES_BYTES" default:"4096" range:"0 to 1048576" help:"Longest attributes that are shown, in bytes of JSON. A position with longer ones is shown without attributes; the archive keeps them. 0: no limit."`

	Deflate bool `name:"live-deflate" env:"LIVE_DEFLATE" default:"true" negatable:"" help:"Compress for clients that offer permessage-deflate. Each flush of a topic is compressed once, for all of them."`

	WarmWindowMS int `name:"live-warm-window-ms" env:"LIVE_WARM_WINDOW_MS" default:"600000" range:"1 to 86400000" help:"How far back a stream without an archive group is read at start, in ms."`
	WarmMax      int `name:"live-warm-max" env:"LIVE_WARM_MAX" default:"1000000" range:"1 to 100000000" help:"Most records of a stream that are read back at start, newest first."`

	WarmTimeMS int `name:"live-warm-time-ms" env:"LIVE_WARM_TIME_MS" default:"10000" range:"1 to 600000" help:"Longest time for reading the last positions from the database at start, and then again for reading them from the streams, in ms. A device that is missing then appears with its next record."`

	ArchiveBatch           int    `name:"archive-batch" env:"ARCHIVE_BATCH" default:"1000" range:"1 to 10000" help:"Most rows per insert."`
	ArchiveWriters         int    `name:"archive-writers" env:"ARCHIVE_WRITERS" default:"2" range:"1 to 64" help:"Concurrent inserts per stream, each for different devices. The embedded database has one."`
	ArchiveClaimIntervalMS int    `name:"archive-claim-interval-ms" env:"ARCHIVE_CLAIM_INTERVAL_MS" default:"5000" range:"10 to 3600000" help:"How often abandoned entries of other processes are claimed, in ms."`
	ArchiveClaimIdleMS     int    `name:"archive-claim-idle-ms" env:"ARCHIVE_CLAIM_IDLE_MS" default:"10000" range:"10 to 86400000" help:"Time without an acknowledgement after which an entry counts as abandoned, in ms."`
	ArchiveReadyFaultMS    int    `name:"archive-ready-fault-ms" env:"ARCHIVE_READY_FAULT_MS" default:"30000" range:"0 to 86400000" help:"How long inserts may fail before /readyz fails, in ms. 0: for ever."`
	ArchiveReadyLagMS      int    `name:"archive-ready-lag-ms" env:"ARCHIVE_READY_LAG_MS" default:"0" range:"0 to 86400000" help:"How far the table may lag the stream before /readyz fails, in ms. 0: no limit."`
	ArchiveMinTS           string `name:"archive-min-ts" env:"ARCHIVE_MIN_TS" default:"2000-01-01T00:00:00Z" help:"The archive refuses positions dated before this. Screens show them under their arrival time."`
	RejectNullIsland       bool   `name:"reject-null-island" env:"REJECT_NULL_ISLAND" default:"true" negatable:"" help:"Positions at exactly 0, 0 without satellites count as faulty: archived, never shown. Must be the same on all instances."`
	ArchivePartitionAhead  int    `name:"archive-partition-ahead" env:"ARCHIVE_PARTITION_AHEAD" default:"2" range:"0 to 60" help:"Months whose partitions are created in advance, if positions is partitioned (pitwall partition enable). 0: none is created, not even a missing one that a position needs."`
	ArchiveRetentionMonths int    `name:"archive-retention-months" env:"ARCHIVE_RETENTION_MONTHS" default:"0" range:"0 to 1200" help:"Whole months that are kept before the current one, if positions is partitioned. Older months are detached and stay as separate tables; older positions are not archived. Must be the same on all instances. 0: all are kept."`
	DeadMaxLen             int    `name:"dead-maxlen" env:"DEAD_MAXLEN" default:"100000" range:"1 to 100000000" help:"Approximate number of dead letters that are kept per stream. A warning is logged before the oldest are deleted."`
	DeadMaxBytes           int    `name:"dead-maxbytes" env:"DEAD_MAXBYTES" default:"268435456" range:"1048576 to 1099511627776" help:"Approximate bytes of Redis memory that the dead letters of a stream may use, limited in the same way. The embedded Redis has its own limit."`
}
