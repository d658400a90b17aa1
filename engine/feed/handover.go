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

// handover turns the entries of one read into one batch per shard. It belongs
// to one goroutine.
type handover struct {
	sink    Sink
	decoder *codec.Decoder
	meters  *meters
	log     *slog.Logger
	parts   []*shard.Batch    // by shard; nil between two reads
	faults  []pace.LogLimiter // by codec.Reason
	left    *leftout.Recorder
}

func newHandover(sink Sink, limits codec.Limits, m *meters, log *slog.Logger) *handover {
	limits.EarlyIsAbsent = true
	return &handover{
		sink:    sink,
		decoder: codec.NewDecoder(limits),
		meters:  m,
		log:     log,
		parts:   make([]*shard.Batch, sink.Shards()),
		faults:  make([]pace.LogLimiter, len(m.decode)),
		left:    leftout.New(m.set, "processor_live_fields_left_out_total", log),
	}
}

// deliver decodes the entries and hands each shard its part in one hand-off,
// in the order of the entries. It fails only when the sink does. warm marks
// the batches as such; what they hold is not counted. difference is that of the
// clocks, in ms.
func (h *handover) deliver(ctx context.Context, entries []redis.Entry, difference int64, warm bool) error {
	var p codec.Position
	for i := range entries {
		e := &entries[i]
		if err := h.decoder.Decode(&p, int64(min(e.ID.Ms, math.MaxInt64)), e.ID.Seq, e.Fields); err != nil {
			if !warm {
				h.refuse(e.ID, err)
			}
			continue
		}
		if !warm {
			h.left.Record(e.ID, h.decoder.LeftOut())
		}
		n := h.sink.ShardOf(p.DeviceID)
		b := h.parts[n]
		if b == nil {
			b = h.sink.AcquireBatch()
			b.Warm, b.Difference = warm, difference
			h.parts[n] = b
		}
		b.Positions = append(b.Positions, p)
	}
	if !warm {
		h.meters.records.Add(len(entries))
		h.meters.read(entries[0].ID, time.Now(), difference)
	}
	var failed error
	for n, b := range h.parts {
		if b == nil {
			continue
		}
		h.parts[n] = nil
		if err := h.sink.Deliver(ctx, n, b); err != nil {
			failed = err // the others are given back to the sink all the same
		}
	}
	return failed
}

// refuse counts a record that does not decode.
func (h *handover) refuse(id redis.ID, err error) {
	bad, ok := err.(*codec.CodecError) // what Decode promises
	if !ok || int(bad.Reason) >= len(h.meters.decode) || h.meters.decode[bad.Reason] == nil {
		h.log.Error("record refused for a reason that is not known", "id", id.String(), "error", err)
		return
	}
	h.meters.decode[bad.Reason].Inc()
	if n, ok := h.faults[bad.Reason].Allow(time.Now()); ok {
		h.log.Warn("record refused", "id", id.String(), "reason", bad.Reason.String(), "error", bad.Error(), "times", n)
	}
}
