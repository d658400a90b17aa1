package archive

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/redis"
)

// Group is the consumer group that all archiving processes share.
const Group = "durable-write"

// Store keeps positions. Up to Writers goroutines per stream call it at the same
// time.
type Store interface {
	// InsertPositions writes a batch in one transaction. A position whose device
	// and time are in the table already is no error: it is a duplicate, it adds
	// attributes to the row, or, with other content, it is a conflict. After an
	// error the batch may or may not have been written; db.Classify reports whether
	// to insert it again, or its halves. InsertPositions must not keep the
	// positions or their strings after it returns.
	InsertPositions(ctx context.Context, batch []codec.Position) (db.InsertResult, error)
}

// Options say what an Archive reads and where it writes. Client, Store, Streams,
// Consumer, Logger and Metrics are required. For the others zero means the default.
type Options struct {
	Client *redis.Client
	Store  Store
	// Partitions makes and detaches months of the table. Nil: the table has no
	// partitions.
	Partitions Partitions
	// PartitionAhead is how many months are made ahead of the current one. 0: this
	// process makes no month, not even the missing month of a position.
	PartitionAhead int
	// Retention is how many whole months before the current one are kept. Older
	// months are detached; older positions are acknowledged and counted but not
	// inserted. 0 keeps everything.
	Retention int
	// Streams are the stream keys to archive.
	Streams []string
	// Consumer names this process within the group: its instance id.
	Consumer string
	// BatchSize is the most entries per read and rows per insert. Default 1000.
	BatchSize int
	// BatchWait is how long a batch that is not full waits for more entries. It
	// does not delay the live path. Default 50 ms; negative: no wait.
	BatchWait time.Duration
	// Block is how long a read waits for its first entry. Default 1 s.
	Block time.Duration
	// Writers is how many inserts of a stream run at the same time, each for
	// different devices. Default 1.
	Writers int
	// Limits are the bounds of a valid position.
	Limits codec.Limits
	// DeadMaxLen is the approximate number of dead letters kept per stream. Default
	// 100,000.
	DeadMaxLen int64
	// DeadMaxBytes is the approximate memory, in bytes, of the dead letters of a
	// stream on the server. Default 256 MiB.
	DeadMaxBytes int64
	// ClaimInterval is the interval at which pending entries of other consumers are
	// claimed, and ClaimIdle how long they must have been pending. With the
	// defaults, 5 s and 10 s, the entries of a crashed process are claimed within
	// 15 s.
	ClaimInterval, ClaimIdle time.Duration
	// ConsumerIdle is the idle time after which a consumer with nothing pending is
	// removed from the group. Default 1 h.
	ConsumerIdle time.Duration
	// Health is told the health of the archive. Default: a new registry.
	Health *health.Registry
	// ReadyFault is how long inserts or reads may fail before the process is not
	// ready, and ReadyLag the allowed lag of the table. Default 0: no limit. With
	// ReadyFault set, dead letters that cannot be written count at once.
	ReadyFault, ReadyLag time.Duration
	// MaxReply is how many bytes the reply to a read may have. Default 64 MiB.
	MaxReply int64
	// LagEvery is the interval at which the lag is measured and the dead letters are
	// counted. Default 1 s.
	LagEvery time.Duration
	// InsertTimeout bounds one attempt to insert a batch. Default 30 s.
	InsertTimeout time.Duration
	// FlushTimeout bounds how long Run continues after its context has ended.
	// Default 5 s.
	FlushTimeout time.Duration
	Logger       *slog.Logger
	Metrics      *metrics.Set
}

// withDefaults replaces zero values by the defaults.
func (o Options) withDefaults() Options {
	o.BatchSize = cmp.Or(o.BatchSize, 1000)
	o.BatchWait = cmp.Or(o.BatchWait, 50*time.Millisecond)
	o.Block = cmp.Or(o.Block, time.Second)
	o.Writers = cmp.Or(o.Writers, 1)
	o.DeadMaxLen = cmp.Or(o.DeadMaxLen, 100_000)
	o.DeadMaxBytes = cmp.Or(o.DeadMaxBytes, 256<<20)
	o.ClaimInterval = cmp.Or(o.ClaimInterval, 5*time.Second)
	o.ClaimIdle = cmp.Or(o.ClaimIdle, 10*time.Second)
	o.ConsumerIdle = cmp.Or(o.ConsumerIdle, time.Hour)
	o.LagEvery = cmp.Or(o.LagEvery, time.Second)
	o.InsertTimeout = cmp.Or(o.InsertTimeout, 30*time.Second)
	o.FlushTimeout = cmp.Or(o.FlushTimeout, 5*time.Second)
	if o.Health == nil {
		o.Health = health.New(o.Logger)
	}
	return o
}
