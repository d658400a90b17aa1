package feed

import (
	"context"
	"log/slog"
	"math"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/leftout"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
	"pitwall/shard"
)

// batcher turns the entries of one read into one batch per shard. One goroutine
// uses it.
type batcher struct {
	sink    Sink
	decoder *codec.Decoder
	meters  *meters
	log     *slog.Logger
	batches []*shard.Batch    // by shard; all nil between two reads
	faults  []pace.LogLimiter // by codec.Reason
	leftOut *leftout.Recorder
}

func newBatcher(sink Sink, limits codec.Limits, m *meters, log *slog.Logger) *batcher {
	limits.EarlyIsAbsent = true
	return &batcher{
		sink:    sink,
		decoder: codec.NewDecoder(limits),
		meters:  m,
		log:     log,
		batches: make([]*shard.Batch, sink.Shards()),
		faults:  make([]pace.LogLimiter, len(m.decode)),
		leftOut: leftout.New(m.set, "processor_live_fields_left_out_total", log),
	}
}

// decodeAndDeliver decodes the entries and delivers one batch to each shard that
// has positions among them, in the order of the entries. It fails only when the
// sink fails. warm marks the batches of the warm start, whose records are not
// counted. difference is the clock difference in ms.
func (b *batcher) decodeAndDeliver(ctx context.Context, entries []redis.Entry, difference int64, warm bool) error {
	var p codec.Position
	for i := range entries {
		e := &entries[i]
		if err := b.decoder.Decode(&p, int64(min(e.ID.Ms, math.MaxInt64)), e.ID.Seq, e.Fields); err != nil {
			if !warm {
				b.countRefused(e.ID, err)
			}
			continue
		}
		if !warm {
			b.leftOut.Record(e.ID, b.decoder.LeftOut())
		}
		n := b.sink.ShardOf(p.DeviceID)
		batch := b.batches[n]
		if batch == nil {
			batch = b.sink.AcquireBatch()
			batch.Warm, batch.Difference = warm, difference
			b.batches[n] = batch
		}
		batch.Positions = append(batch.Positions, p)
	}
	if !warm {
		b.meters.records.Add(len(entries))
		b.meters.observeAge(entries[0].ID, time.Now(), difference)
	}
	var failed error
	for n, batch := range b.batches {
		if batch == nil {
			continue
		}
		b.batches[n] = nil
		// After an error the remaining batches are delivered all the same: only
		// Deliver returns a batch to the sink.
		if err := b.sink.Deliver(ctx, n, batch); err != nil {
			failed = err
		}
	}
	return failed
}

// countRefused counts a record that does not decode.
func (b *batcher) countRefused(id redis.ID, err error) {
	bad, ok := err.(*codec.DecodeError) // the only error type of Decode
	if !ok || int(bad.Reason) >= len(b.meters.decode) || b.meters.decode[bad.Reason] == nil {
		b.log.Error("record refused for an unknown reason", "id", id.String(), "error", err)
		return
	}
	b.meters.decode[bad.Reason].Inc()
	if n, ok := b.faults[bad.Reason].Allow(time.Now()); ok {
		b.log.Warn("record refused", "id", id.String(), "reason", bad.Reason.String(), "error", bad.Error(), "times", n)
	}
}
