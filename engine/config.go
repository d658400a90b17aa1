package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"pitwall/engine/access"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/redis"
)

// DatabaseConfig says which database is meant. It is all that the commands
// beside serve need.
type DatabaseConfig struct {
	DatabaseURL       SecretURL `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL 13 or later. Unset: an embedded SQLite file."`
	DatabaseDirectURL SecretURL `name:"database-direct-url" env:"DATABASE_DIRECT_URL" placeholder:"URL" help:"The same database past a pooler such as PgBouncer, for LISTEN, migrations, detaching months and the check of AUTHZ_SQL. Unset: DATABASE_URL."`
	DataDir           string    `name:"data-dir" env:"DATA_DIR" default:"data" help:"Folder of the embedded database."`
	NotifyTriggers    bool      `name:"notify-triggers" env:"NOTIFY_TRIGGERS" default:"true" negatable:"" help:"Migrations put triggers on the roster tables, so that changes are seen at once."`
}

// LogConfig says how to log.
type LogConfig struct {
	LogFormat string `name:"log-format" env:"LOG_FORMAT" default:"text" help:"text or json."`
	LogLevel  string `name:"log-level" env:"LOG_LEVEL" default:"info" help:"debug, info, warn or error."`
}

// StreamConfig says which streams of which Redis are meant.
type StreamConfig struct {
	RedisURL SecretURL `name:"redis-url" env:"REDIS_URL" placeholder:"URL" help:"Redis 7.0 or later, or Valkey: redis://, rediss:// (TLS) or unix://; Sentinels with ?master_set=name, a Cluster by any of its nodes. Unset: an embedded one."`

	EmbeddedRedisAddr     string `name:"embedded-redis-addr" env:"EMBEDDED_REDIS_ADDR" default:"127.0.0.1:6390" help:"Where the embedded Redis listens. A loopback address, unless EMBEDDED_REDIS_ALLOW_REMOTE is set."`
	EmbeddedRedisRemote   bool   `name:"embedded-redis-allow-remote" env:"EMBEDDED_REDIS_ALLOW_REMOTE" help:"Let the embedded Redis listen where other machines reach it. Needs EMBEDDED_REDIS_PASSWORD; nothing is encrypted."`
	EmbeddedRedisPassword Secret `name:"embedded-redis-password" env:"EMBEDDED_REDIS_PASSWORD" help:"Password of the embedded Redis, 16 bytes or more. Unset: none."`

	TelemetryStreams []string `name:"telemetry-streams" env:"TELEMETRY_STREAMS" default:"telemetry:t" help:"Stream keys, comma separated. All records of a device go to the same key."`
}

// Config is everything that can be set, from the environment or by flags. The
// help texts are what --help and the README's table print.
type Config struct {
	DatabaseConfig
	PoolConfig
	StreamConfig
	LogConfig
	AccessConfig
	PublicConfig

	HTTPAddr string `name:"http-addr" env:"HTTP_ADDR" default:"127.0.0.1:8080" help:"Public listener: the page and /live."`
	OpsAddr  string `name:"ops-addr" env:"OPS_ADDR" default:"127.0.0.1:9090" help:"Private listener: metrics, health, pprof."`

	InstanceID     string `name:"instance-id" env:"INSTANCE_ID" help:"Name of this process; names its consumer group. Spectators see it. Unset: host name and a random part, of which they see the latter."`
	LiveEnabled    bool   `name:"live" env:"LIVE_ENABLED" default:"true" negatable:"" help:"Serve spectators."`
	ArchiveEnabled bool   `name:"archive" env:"ARCHIVE_ENABLED" default:"true" negatable:"" help:"Write positions to the database."`
	Migrate        bool   `name:"migrate" env:"MIGRATE" help:"Bring the database up to date at start. Always so for the embedded one."`
	Simulate       int    `name:"simulate" env:"SIMULATE" default:"0" help:"Run a simulator with this many devices in the event demo. 0: none."`

	Shards            int `name:"live-shards" env:"LIVE_SHARDS" default:"0" help:"Worker shards. 0: one per CPU."`
	Writers           int `name:"live-writers" env:"LIVE_WRITERS" default:"0" help:"Writer goroutines. 0: one per CPU."`
	FlushMS           int `name:"live-flush-ms" env:"LIVE_FLUSH_MS" default:"100" help:"Least time between two flushes of a topic, in ms. 0: every batch at once."`
	FlushMaxMS        int `name:"live-flush-max-ms" env:"LIVE_FLUSH_MAX_MS" default:"2000" help:"How long that time may become, for all topics alike, while the writers or shards fall behind, in ms."`
	RefreshMS         int `name:"live-device-event-refresh-ms" env:"LIVE_DEVICE_EVENT_REFRESH_MS" default:"30000" help:"How often the device-event map is read again, in ms."`
	FutureToleranceMS int `name:"live-future-tolerance-ms" env:"LIVE_FUTURE_TOLERANCE_MS" default:"5000" help:"How far a device's clock may run ahead, in ms, before its positions are sent under their arrival time."`
	RingBytes         int `name:"live-ring-bytes" env:"LIVE_RING_BYTES" default:"262144" help:"Unsent bytes at which a connection counts as slow, if it stays there for a flush window."`
	RingSlots         int `name:"live-ring-slots" env:"LIVE_RING_SLOTS" default:"1024" help:"Unsent chunks at which a connection counts as slow, if it stays there for a flush window."`
	RingMaxAgeMS      int `name:"live-ring-max-age-ms" env:"LIVE_RING_MAX_AGE_MS" default:"2000" help:"How long what is sent may wait for a full socket, beyond the flush window, before the connection counts as slow, in ms. 0: until its ring is full."`
	NotsentLowat      int `name:"live-notsent-lowat" env:"LIVE_NOTSENT_LOWAT" default:"16384" help:"Bytes the kernel may hold unsent per connection (TCP_NOTSENT_LOWAT). 0: its default."`
	WriteTimeoutMS    int `name:"live-write-timeout-ms" env:"LIVE_WRITE_TIMEOUT_MS" default:"60000" help:"A connection whose socket takes nothing for so long is closed, in ms."`
	HeartbeatMS       int `name:"live-heartbeat-ms" env:"LIVE_HEARTBEAT_MS" default:"25000" help:"Time between pings, in ms. Two without an answer close the connection."`
	MaxConnections    int `name:"live-max-connections" env:"LIVE_MAX_CONNECTIONS" default:"100000" help:"Connections served at most."`
	MaxSubscriptions  int `name:"live-max-subscriptions" env:"LIVE_MAX_SUBSCRIPTIONS" default:"64" help:"Topics per connection at most."`
	MaxMessageBytes   int `name:"live-max-message-bytes" env:"LIVE_MAX_MESSAGE_BYTES" default:"4096" help:"Longest message of a client."`
	RequestRate       int `name:"live-request-rate" env:"LIVE_REQUEST_RATE" default:"20" help:"Requests per second and connection."`
	RequestBurst      int `name:"live-request-burst" env:"LIVE_REQUEST_BURST" default:"128" help:"Requests of a connection that may come at once."`
	SnapshotRate      int `name:"live-snapshot-rate" env:"LIVE_SNAPSHOT_RATE" default:"1048576" help:"Bytes per second of the snapshots that the subscribes of a connection may draw. Beyond it the next subscribe waits. 0: any number."`
	SnapshotBurst     int `name:"live-snapshot-burst" env:"LIVE_SNAPSHOT_BURST" default:"16777216" help:"Bytes of such snapshots that may come at once, with one snapshot on top."`
	DrainMS           int `name:"live-drain-ms" env:"LIVE_DRAIN_MS" default:"3000" help:"Over how long connections are closed at shutdown, in ms."`
	FeedBatch         int `name:"feed-batch" env:"FEED_BATCH" default:"512" help:"Records per read of a stream."`

	ReadyRedisAwayMS int `name:"ready-redis-away-ms" env:"READY_REDIS_AWAY_MS" default:"15000" help:"How long Redis may be away, or a stream not be read, before /readyz says so, in ms. A short cut does not take every instance off a load balancer. 0: for ever."`

	DeviceRate         int `name:"live-device-rate" env:"LIVE_DEVICE_RATE" default:"50" help:"Positions per second of one device that are shown, on average; beyond it the newest is shown when it is time. The archive keeps all. 0: any number."`
	DeviceBytes        int `name:"live-device-bytes" env:"LIVE_DEVICE_BYTES" default:"65536" help:"Bytes per second of one device's positions that are shown, likewise. 0: any number."`
	MaxAttributesBytes int `name:"live-max-attributes-bytes" env:"LIVE_MAX_ATTRIBUTES_BYTES" default:"4096" help:"Longest attributes that are shown, in bytes of JSON. Longer ones are left out of the position that spectators get; the archive keeps them. 0: any."`

	Deflate bool `name:"live-deflate" env:"LIVE_DEFLATE" default:"true" negatable:"" help:"Compress for clients that offer permessage-deflate: once per topic and flush, for all of them."`

	WarmWindowMS int `name:"live-warm-window-ms" env:"LIVE_WARM_WINDOW_MS" default:"600000" help:"How far back the stream is read at start where there is no archive group, in ms."`
	WarmMax      int `name:"live-warm-max" env:"LIVE_WARM_MAX" default:"1000000" help:"Records of a stream read back at start at most, the newest."`

	WarmTimeMS int `name:"live-warm-time-ms" env:"LIVE_WARM_TIME_MS" default:"10000" help:"How long reading the last positions may take at start, in ms: from the database, and then once more from the streams, newest first. What is missing then comes with the next record of its device."`

	ArchiveBatch           int    `name:"archive-batch" env:"ARCHIVE_BATCH" default:"1000" help:"Rows per insert at most."`
	ArchiveWriters         int    `name:"archive-writers" env:"ARCHIVE_WRITERS" default:"2" help:"Inserts of a stream that run at the same time, each with devices of its own. One on the embedded database."`
	ArchiveClaimIntervalMS int    `name:"archive-claim-interval-ms" env:"ARCHIVE_CLAIM_INTERVAL_MS" default:"5000" help:"How often entries that other processes left behind are looked for, in ms."`
	ArchiveClaimIdleMS     int    `name:"archive-claim-idle-ms" env:"ARCHIVE_CLAIM_IDLE_MS" default:"10000" help:"After what time without an acknowledgement an entry counts as left behind, in ms."`
	ArchiveReadyFaultMS    int    `name:"archive-ready-fault-ms" env:"ARCHIVE_READY_FAULT_MS" default:"30000" help:"How long the database may take nothing before /readyz says so, in ms. 0: for ever."`
	ArchiveReadyLagMS      int    `name:"archive-ready-lag-ms" env:"ARCHIVE_READY_LAG_MS" default:"0" help:"How far behind the stream the table may be before /readyz says so, in ms. 0: any."`
	ArchiveMinTS           string `name:"archive-min-ts" env:"ARCHIVE_MIN_TS" default:"2000-01-01T00:00:00Z" help:"Positions dated before this are refused by the archive. Screens show them under their arrival time."`
	RejectNullIsland       bool   `name:"reject-null-island" env:"REJECT_NULL_ISLAND" default:"true" negatable:"" help:"Positions at exactly 0, 0 count as faulty where no satellites are reported: archived, never shown. Alike on all instances."`
	ArchivePartitionAhead  int    `name:"archive-partition-ahead" env:"ARCHIVE_PARTITION_AHEAD" default:"2" help:"Months that are made ahead where positions is partitioned (pitwall partition enable). 0: none is made, not even one that a position lacks."`
	ArchiveRetentionMonths int    `name:"archive-retention-months" env:"ARCHIVE_RETENTION_MONTHS" default:"0" help:"Whole months kept before this one, where positions is partitioned. Older ones are detached and stay as tables of their own; positions older than that are not archived. Alike on all instances. 0: all are kept."`
	DeadMaxLen             int    `name:"dead-maxlen" env:"DEAD_MAXLEN" default:"100000" help:"About how many dead letters a stream keeps; the oldest are thrown away, and a warning comes before."`
	DeadMaxBytes           int    `name:"dead-maxbytes" env:"DEAD_MAXBYTES" default:"268435456" help:"About how many bytes of Redis' memory the dead letters of a stream take, likewise. The embedded Redis has a bound of its own."`

	ephemeral bool // InstanceID was made up for this process
}

// Validate checks what the types do not say. The error names the setting, its
// value and what is allowed. kong calls it after parsing; New does as well.
func (c *Config) Validate() error {
	var errs []error
	for _, r := range []struct {
		name      string
		v, lo, hi int
	}{
		{"LIVE_SHARDS", c.Shards, 0, 64},
		{"LIVE_WRITERS", c.Writers, 0, 64},
		{"LIVE_FLUSH_MS", c.FlushMS, 0, 10000},
		{"LIVE_FLUSH_MAX_MS", c.FlushMaxMS, 0, 60000},
		{"LIVE_DEVICE_EVENT_REFRESH_MS", c.RefreshMS, 100, 86400000},
		{"LIVE_FUTURE_TOLERANCE_MS", c.FutureToleranceMS, 0, 86400000},
		{"LIVE_DEVICE_RATE", c.DeviceRate, 0, 1000000},
		{"LIVE_DEVICE_BYTES", c.DeviceBytes, 0, 1 << 30},
		{"LIVE_MAX_ATTRIBUTES_BYTES", c.MaxAttributesBytes, 0, 1 << 20},
		{"LIVE_RING_BYTES", c.RingBytes, 1024, 1 << 30},
		{"LIVE_RING_SLOTS", c.RingSlots, 2, 65536},
		{"LIVE_RING_MAX_AGE_MS", c.RingMaxAgeMS, 0, 600000},
		{"LIVE_NOTSENT_LOWAT", c.NotsentLowat, 0, 1 << 30},
		{"LIVE_WRITE_TIMEOUT_MS", c.WriteTimeoutMS, 100, 3600000},
		{"LIVE_HEARTBEAT_MS", c.HeartbeatMS, 100, 3600000},
		{"LIVE_MAX_CONNECTIONS", c.MaxConnections, 1, 10000000},
		{"LIVE_MAX_SUBSCRIPTIONS", c.MaxSubscriptions, 1, 100000},
		{"LIVE_MAX_MESSAGE_BYTES", c.MaxMessageBytes, 256, 1 << 20},
		{"LIVE_REQUEST_RATE", c.RequestRate, 1, 1000000},
		{"LIVE_REQUEST_BURST", c.RequestBurst, 1, 1000000},
		{"LIVE_DRAIN_MS", c.DrainMS, 0, 600000},
		{"FEED_BATCH", c.FeedBatch, 1, 100000},
		{"READY_REDIS_AWAY_MS", c.ReadyRedisAwayMS, 0, 86400000},
		{"LIVE_WARM_WINDOW_MS", c.WarmWindowMS, 1, 86400000},
		{"LIVE_WARM_TIME_MS", c.WarmTimeMS, 1, 600000},
		{"LIVE_WARM_MAX", c.WarmMax, 1, 100000000},
		{"ARCHIVE_BATCH", c.ArchiveBatch, 1, 10000},
		{"ARCHIVE_WRITERS", c.ArchiveWriters, 1, 64},
		{"ARCHIVE_CLAIM_INTERVAL_MS", c.ArchiveClaimIntervalMS, 10, 3600000},
		{"ARCHIVE_CLAIM_IDLE_MS", c.ArchiveClaimIdleMS, 10, 86400000},
		{"ARCHIVE_READY_FAULT_MS", c.ArchiveReadyFaultMS, 0, 86400000},
		{"ARCHIVE_READY_LAG_MS", c.ArchiveReadyLagMS, 0, 86400000},
		{"ARCHIVE_PARTITION_AHEAD", c.ArchivePartitionAhead, 0, 60},
		{"ARCHIVE_RETENTION_MONTHS", c.ArchiveRetentionMonths, 0, 1200},
		{"DEAD_MAXLEN", c.DeadMaxLen, 1, 100000000},
		{"DEAD_MAXBYTES", c.DeadMaxBytes, 1 << 20, 1 << 40},
		{"SIMULATE", c.Simulate, 0, 100000},
		{"AUTH_TIMEOUT_MS", c.AuthTimeoutMS, 10, 60000},
		{"AUTH_CACHE_MS", c.AuthCacheMS, 0, 3600000},
		{"AUTH_RECHECK_MS", c.AuthRecheckMS, 50, 86400000},
		{"AUTH_GRACE_MS", c.AuthGraceMS, 0, 86400000},
		{"AUTH_REFRESH_MS", c.AuthRefreshMS, 50, 86400000},
		{"JWKS_REFRESH_MS", c.JWKSRefreshMS, 1000, 86400000},
		{"JWT_LEEWAY_MS", c.JWTLeewayMS, 0, 300000},
	} {
		errs = append(errs, inRange(r.name, r.v, r.lo, r.hi))
	}
	errs = append(errs, c.validateAccess()...)
	errs = append(errs, c.validatePublic()...)
	errs = append(errs, c.validatePools()...)
	errs = append(errs, c.validateEmbedded()...)
	return errors.Join(append(errs, c.validateRest()...)...)
}

// validateEmbedded checks who can reach the embedded Redis: whoever does may
// read and write every position.
func (c *StreamConfig) validateEmbedded() (errs []error) {
	const leastPassword = 16
	if c.RedisURL != "" {
		return nil
	}
	if n := len(c.EmbeddedRedisPassword); n > 0 && n < leastPassword {
		errs = append(errs, fmt.Errorf("EMBEDDED_REDIS_PASSWORD has %d bytes, allowed are %d or more", n, leastPassword))
	}
	if c.EmbeddedRedisAddr == "" || isLoopback(c.EmbeddedRedisAddr) {
		return errs
	}
	if !c.EmbeddedRedisRemote {
		errs = append(errs, fmt.Errorf("EMBEDDED_REDIS_ADDR is %q, allowed is a loopback address unless EMBEDDED_REDIS_ALLOW_REMOTE is set", c.EmbeddedRedisAddr))
	} else if c.EmbeddedRedisPassword == "" {
		errs = append(errs, errors.New("EMBEDDED_REDIS_ALLOW_REMOTE is set, which needs EMBEDDED_REDIS_PASSWORD"))
	}
	return errs
}

// inRange returns an error unless lo <= v <= hi.
func inRange(name string, v, lo, hi int) error {
	if v < lo || v > hi {
		return fmt.Errorf("%s is %d, allowed is %d to %d", name, v, lo, hi)
	}
	return nil
}

func (c *Config) validateRest() (errs []error) {
	errs = append(errs, inRange("LIVE_SNAPSHOT_RATE", c.SnapshotRate, 0, 1<<30), inRange("LIVE_SNAPSHOT_BURST", c.SnapshotBurst, 0, 1<<30))
	if c.LogFormat != "text" && c.LogFormat != "json" {
		errs = append(errs, fmt.Errorf("LOG_FORMAT is %q, allowed is text or json", c.LogFormat))
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel) {
		errs = append(errs, fmt.Errorf("LOG_LEVEL is %q, allowed is debug, info, warn or error", c.LogLevel))
	}
	if _, err := time.Parse(time.RFC3339, c.ArchiveMinTS); err != nil {
		errs = append(errs, fmt.Errorf("ARCHIVE_MIN_TS is %q, allowed is an RFC 3339 time", c.ArchiveMinTS))
	}
	if len(c.TelemetryStreams) == 0 {
		errs = append(errs, errors.New("TELEMETRY_STREAMS is empty, allowed is one stream key or more"))
	}
	seen := map[string]bool{}
	for _, k := range c.streams() {
		if k == "" || seen[k] || !isPrintable(k) { // keys are labels of metrics, which cannot hold everything
			errs = append(errs, fmt.Errorf("TELEMETRY_STREAMS has %q, allowed are different keys of printable characters", k))
		}
		seen[k] = true
	}
	for _, k := range c.streams() {
		for _, of := range c.streams() {
			if redis.IsDeadKey(k, of) {
				errs = append(errs, fmt.Errorf("TELEMETRY_STREAMS has %q, allowed is no key that holds the dead letters of another, which %q is", k, of))
			}
		}
	}
	if !c.LiveEnabled && !c.ArchiveEnabled {
		errs = append(errs, errors.New("LIVE_ENABLED and ARCHIVE_ENABLED are both off, allowed is one of them or both on"))
	}
	if c.LiveEnabled && c.AuthMode == access.ModeNone && !c.AuthAllowAnonymous && !isLoopback(c.HTTPAddr) {
		errs = append(errs, fmt.Errorf("HTTP_ADDR is %q, allowed is a loopback address unless AUTH_MODE or AUTH_ALLOW_ANONYMOUS is set: anybody could watch", c.HTTPAddr))
	}
	if c.LiveEnabled && c.AuthMode == access.ModeNone && !c.AuthAllowAnonymous && c.ProxyProtocol {
		errs = append(errs, errors.New("PROXY_PROTOCOL is set, which needs AUTH_MODE or AUTH_ALLOW_ANONYMOUS: through the proxy anybody could watch"))
	}
	return errs
}

// isPrintable reports whether nothing of s has to be escaped but quotes and
// backslashes.
func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) })
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// streams are the stream keys.
func (c *StreamConfig) streams() []string { return trimmed(c.TelemetryStreams) }

// trimmed is a list without the spaces that lists are written with.
func trimmed(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.TrimSpace(s)
	}
	return out
}

// dbOptions are the same as the database's room wants them.
func (c *DatabaseConfig) dbOptions(log *slog.Logger) db.Options {
	return db.Options{
		URL: string(c.DatabaseURL), DirectURL: string(c.DatabaseDirectURL), DataDir: c.DataDir,
		NoTriggers: !c.NotifyTriggers, Logger: log,
	}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }
