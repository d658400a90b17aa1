package config

// Config is everything that can be set, from the environment or by flags. The
// help texts are what --help and the README's table print.
type Config struct {
	Database
	Pools
	Streams
	Log
	Access
	Public

	HTTPAddr string `name:"http-addr" env:"HTTP_ADDR" default:"127.0.0.1:8080" help:"Public listener: the page and /live."`
	OpsAddr  string `name:"ops-addr" env:"OPS_ADDR" default:"127.0.0.1:9090" help:"Private listener: metrics, health, pprof."`

	InstanceID     string `name:"instance-id" env:"INSTANCE_ID" help:"Name of this process; names its consumer group. Spectators see it. Unset: host name and a random part, of which they see the latter."`
	LiveEnabled    bool   `name:"live" env:"LIVE_ENABLED" default:"true" negatable:"" help:"Serve spectators."`
	ArchiveEnabled bool   `name:"archive" env:"ARCHIVE_ENABLED" default:"true" negatable:"" help:"Write positions to the database."`
	Migrate        bool   `name:"migrate" env:"MIGRATE" help:"Bring the database up to date at start. Always so for the embedded one."`
	Simulate       int    `name:"simulate" env:"SIMULATE" default:"0" range:"0 to 100000" help:"Run a simulator with this many devices in the event demo. 0: none."`

	Shards            int `name:"live-shards" env:"LIVE_SHARDS" default:"0" range:"0 to 64" help:"Worker shards. 0: one per CPU."`
	Writers           int `name:"live-writers" env:"LIVE_WRITERS" default:"0" range:"0 to 64" help:"Writer goroutines. 0: one per CPU."`
	FlushMS           int `name:"live-flush-ms" env:"LIVE_FLUSH_MS" default:"100" range:"0 to 10000" help:"Least time between two flushes of a topic, in ms. 0: every batch at once."`
	FlushMaxMS        int `name:"live-flush-max-ms" env:"LIVE_FLUSH_MAX_MS" default:"2000" range:"0 to 60000" help:"How long that time may become, for all topics alike, while the writers or shards fall behind, in ms."`
	RefreshMS         int `name:"live-device-event-refresh-ms" env:"LIVE_DEVICE_EVENT_REFRESH_MS" default:"30000" range:"100 to 86400000" help:"How often the device-event map is read again, in ms."`
	FutureToleranceMS int `name:"live-future-tolerance-ms" env:"LIVE_FUTURE_TOLERANCE_MS" default:"5000" range:"0 to 86400000" help:"How far a device's clock may run ahead, in ms, before its positions are sent under their arrival time."`
	RingBytes         int `name:"live-ring-bytes" env:"LIVE_RING_BYTES" default:"262144" range:"1024 to 1073741824" help:"Unsent bytes at which a connection counts as slow, if it stays there for a flush window."`
	RingSlots         int `name:"live-ring-slots" env:"LIVE_RING_SLOTS" default:"1024" range:"2 to 65536" help:"Unsent chunks at which a connection counts as slow, if it stays there for a flush window."`
	RingMaxAgeMS      int `name:"live-ring-max-age-ms" env:"LIVE_RING_MAX_AGE_MS" default:"2000" range:"0 to 600000" help:"How long what is sent may wait for a full socket, beyond the flush window, before the connection counts as slow, in ms. 0: until its ring is full."`
	NotsentLowat      int `name:"live-notsent-lowat" env:"LIVE_NOTSENT_LOWAT" default:"16384" range:"0 to 1073741824" help:"Bytes the kernel may hold unsent per connection (TCP_NOTSENT_LOWAT). 0: its default."`
	WriteTimeoutMS    int `name:"live-write-timeout-ms" env:"LIVE_WRITE_TIMEOUT_MS" default:"60000" range:"100 to 3600000" help:"A connection whose socket takes nothing for so long is closed, in ms."`
	HeartbeatMS       int `name:"live-heartbeat-ms" env:"LIVE_HEARTBEAT_MS" default:"25000" range:"100 to 3600000" help:"Time between pings, in ms. Two without an answer close the connection."`
	MaxConnections    int `name:"live-max-connections" env:"LIVE_MAX_CONNECTIONS" default:"100000" range:"1 to 10000000" help:"Connections served at most."`
	MaxSubscriptions  int `name:"live-max-subscriptions" env:"LIVE_MAX_SUBSCRIPTIONS" default:"64" range:"1 to 100000" help:"Topics per connection at most."`
	MaxMessageBytes   int `name:"live-max-message-bytes" env:"LIVE_MAX_MESSAGE_BYTES" default:"4096" range:"256 to 1048576" help:"Longest message of a client."`
	RequestRate       int `name:"live-request-rate" env:"LIVE_REQUEST_RATE" default:"20" range:"1 to 1000000" help:"Requests per second and connection."`
	RequestBurst      int `name:"live-request-burst" env:"LIVE_REQUEST_BURST" default:"128" range:"1 to 1000000" help:"Requests of a connection that may come at once."`
	SnapshotRate      int `name:"live-snapshot-rate" env:"LIVE_SNAPSHOT_RATE" default:"1048576" range:"0 to 1073741824" help:"Bytes per second of the snapshots that the subscribes of a connection may draw. Beyond it the next subscribe waits. 0: any number."`
	SnapshotBurst     int `name:"live-snapshot-burst" env:"LIVE_SNAPSHOT_BURST" default:"16777216" range:"0 to 1073741824" help:"Bytes of such snapshots that may come at once, with one snapshot on top."`
	DrainMS           int `name:"live-drain-ms" env:"LIVE_DRAIN_MS" default:"3000" range:"0 to 600000" help:"Over how long connections are closed at shutdown, in ms."`
	FeedBatch         int `name:"feed-batch" env:"FEED_BATCH" default:"512" range:"1 to 100000" help:"Records per read of a stream."`

	ReadyRedisAwayMS int `name:"ready-redis-away-ms" env:"READY_REDIS_AWAY_MS" default:"15000" range:"0 to 86400000" help:"How long Redis may be away, or a stream not be read, before /readyz says so, in ms. A short cut does not take every instance off a load balancer. 0: for ever."`

	DeviceRate         int `name:"live-device-rate" env:"LIVE_DEVICE_RATE" default:"50" range:"0 to 1000000" help:"Positions per second of one device that are shown, on average; beyond it the newest is shown when it is time. The archive keeps all. 0: any number."`
	DeviceBytes        int `name:"live-device-bytes" env:"LIVE_DEVICE_BYTES" default:"65536" range:"0 to 1073741824" help:"Bytes per second of one device's positions that are shown, likewise. 0: any number."`
	MaxAttributesBytes int `name:"live-max-attributes-bytes" env:"LIVE_MAX_ATTRIBUTES_BYTES" default:"4096" range:"0 to 1048576" help:"Longest attributes that are shown, in bytes of JSON. Longer ones are left out of the position that spectators get; the archive keeps them. 0: any."`

	Deflate bool `name:"live-deflate" env:"LIVE_DEFLATE" default:"true" negatable:"" help:"Compress for clients that offer permessage-deflate: once per topic and flush, for all of them."`

	WarmWindowMS int `name:"live-warm-window-ms" env:"LIVE_WARM_WINDOW_MS" default:"600000" range:"1 to 86400000" help:"How far back the stream is read at start where there is no archive group, in ms."`
	WarmMax      int `name:"live-warm-max" env:"LIVE_WARM_MAX" default:"1000000" range:"1 to 100000000" help:"Records of a stream read back at start at most, the newest."`

	WarmTimeMS int `name:"live-warm-time-ms" env:"LIVE_WARM_TIME_MS" default:"10000" range:"1 to 600000" help:"How long reading the last positions may take at start, in ms: from the database, and then once more from the streams, newest first. What is missing then comes with the next record of its device."`

	ArchiveBatch           int    `name:"archive-batch" env:"ARCHIVE_BATCH" default:"1000" range:"1 to 10000" help:"Rows per insert at most."`
	ArchiveWriters         int    `name:"archive-writers" env:"ARCHIVE_WRITERS" default:"2" range:"1 to 64" help:"Inserts of a stream that run at the same time, each with devices of its own. One on the embedded database."`
	ArchiveClaimIntervalMS int    `name:"archive-claim-interval-ms" env:"ARCHIVE_CLAIM_INTERVAL_MS" default:"5000" range:"10 to 3600000" help:"How often entries that other processes left behind are looked for, in ms."`
	ArchiveClaimIdleMS     int    `name:"archive-claim-idle-ms" env:"ARCHIVE_CLAIM_IDLE_MS" default:"10000" range:"10 to 86400000" help:"After what time without an acknowledgement an entry counts as left behind, in ms."`
	ArchiveReadyFaultMS    int    `name:"archive-ready-fault-ms" env:"ARCHIVE_READY_FAULT_MS" default:"30000" range:"0 to 86400000" help:"How long the database may take nothing before /readyz says so, in ms. 0: for ever."`
	ArchiveReadyLagMS      int    `name:"archive-ready-lag-ms" env:"ARCHIVE_READY_LAG_MS" default:"0" range:"0 to 86400000" help:"How far behind the stream the table may be before /readyz says so, in ms. 0: any."`
	ArchiveMinTS           string `name:"archive-min-ts" env:"ARCHIVE_MIN_TS" default:"2000-01-01T00:00:00Z" help:"Positions dated before this are refused by the archive. Screens show them under their arrival time."`
	RejectNullIsland       bool   `name:"reject-null-island" env:"REJECT_NULL_ISLAND" default:"true" negatable:"" help:"Positions at exactly 0, 0 count as faulty where no satellites are reported: archived, never shown. Alike on all instances."`
	ArchivePartitionAhead  int    `name:"archive-partition-ahead" env:"ARCHIVE_PARTITION_AHEAD" default:"2" range:"0 to 60" help:"Months that are made ahead where positions is partitioned (pitwall partition enable). 0: none is made, not even one that a position lacks."`
	ArchiveRetentionMonths int    `name:"archive-retention-months" env:"ARCHIVE_RETENTION_MONTHS" default:"0" range:"0 to 1200" help:"Whole months kept before this one, where positions is partitioned. Older ones are detached and stay as tables of their own; positions older than that are not archived. Alike on all instances. 0: all are kept."`
	DeadMaxLen             int    `name:"dead-maxlen" env:"DEAD_MAXLEN" default:"100000" range:"1 to 100000000" help:"About how many dead letters a stream keeps; the oldest are thrown away, and a warning comes before."`
	DeadMaxBytes           int    `name:"dead-maxbytes" env:"DEAD_MAXBYTES" default:"268435456" range:"1048576 to 1099511627776" help:"About how many bytes of Redis' memory the dead letters of a stream take, likewise. The embedded Redis has a bound of its own."`
}
