package archive

import (
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

// Store is where positions are kept. It is called by as many goroutines at a
// time as there are streams and writers to each.
type Store interface {
	// InsertPositions writes a batch in one transaction. A position whose
	// device and time are in the table already is no error: it is a duplicate,
	// or adds attributes to the row, or, with other content, is a conflict. After an error nothing was written,
	// or nobody knows: db.Classify says whether the same batch is offered again,
	// or in halves. The positions and
	// their strings are lent for the call.
	InsertPositions(ctx context.Context, batch []codec.Position) (db.InsertResult, error)
}

// Options say what an Archive reads and where it writes. Client, Store,
// Streams, Consumer, Logger and Metrics are required; zero takes the default
// elsewhere.
type Options struct {
	Client *redis.Client
	Store  Store
	// Partitions make and detach months of the table. Nil: nobody does, and the
	// table consists of none.
	Partitions Partitions
	// PartitionAhead is how many months are made ahead of this one. 0: none is
	// made at all, not even one that a position lacks.
	PartitionAhead int
	// Retention is how many whole months before this one are kept: older ones
	// are detached, and older positions acknowledged, counted and left out. 0
	// keeps everything.
	Retention int
	// Streams are the stream keys to archive.
	Streams []string
	// Consumer names this process within the group: its instance id.
	Consumer string
	// BatchSize is the most entries per read and rows per insert. Default 1000.
	BatchSize int
	// BatchWait is how long a batch that is not full is waited for. It delays
	// the table, never the screens. Default 50 ms; negative means not at all.
	BatchWait time.Duration
	// Block is how long one read waits for a first entry. Default 1 s.
	Block time.Duration
	// Writers is how many inserts of a stream run at the same time, each with
	// devices of its own. Default 1.
	Writers int
	// Limits bound what counts as a position.
	Limits codec.Limits
	// DeadMaxLen is about how many dead letters a stream keeps. Default 100,000.
	DeadMaxLen int64
	// DeadMaxBytes is about how many bytes of the server's memory the dead letters
	// of a stream take. Default 256 MiB.
	DeadMaxBytes int64
	// ClaimInterval is how often pending entries of other consumers are looked
	// for, and ClaimIdle how long they must have been pending. The defaults,
	// 5 s and 10 s, catch up a crashed process within 15 s.
	ClaimInterval, ClaimIdle time.Duration
	// ConsumerIdle is after what time a consumer on which nothing pends is
	// taken off the group. Default 1 h.
	ConsumerIdle time.Duration
	// Health takes what the archive says of itself. Default one of its own.
	Health *health.Registry
	// ReadyFault is for how long inserts or the reading of a stream may fail
	// before that counts against readiness, and ReadyLag how far behind a stream
	// the table may be. Default 0: for ever. With ReadyFault, dead letters that
	// cannot be written count at once.
	ReadyFault, ReadyLag time.Duration
	// InsertTimeout bounds one attempt to insert a batch. Default 30 s.
	InsertTimeout time.Duration
	// FlushTimeout bounds what Run still does after its context has ended.
	// Default 5 s.
	FlushTimeout time.Duration
	Logger       *slog.Logger
	Metrics      *metrics.Set
}

// withDefaults fills what is zero.
func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.BatchWait, 50*time.Millisecond)
	def(&o.Block, time.Second)
	def(&o.ClaimInterval, 5*time.Second)
	def(&o.ClaimIdle, 10*time.Second)
	def(&o.ConsumerIdle, time.Hour)
	def(&o.InsertTimeout, 30*time.Second)
	def(&o.FlushTimeout, 5*time.Second)
	if o.BatchSize == 0 {
		o.BatchSize = 1000
	}
	if o.Writers == 0 {
		o.Writers = 1
	}
	if o.Health == nil {
		o.Health = health.New(o.Logger)
	}
	if o.DeadMaxLen == 0 {
		o.DeadMaxLen = 100_000
	}
	if o.DeadMaxBytes == 0 {
		o.DeadMaxBytes = 256 << 20
	}
	return o
}
