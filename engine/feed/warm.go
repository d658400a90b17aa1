package feed

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/internal/redis"
)

// Warm reads what the streams hold up to T and the archive may not have written
// yet, and delivers it to the shards in Warm batches. It starts at the archive
// group's oldest pending entry, otherwise at its last delivered one. Without an
// archive group it starts WarmWindow before T. It reads at least WarmLeast back, for
// records that are shown although the archive does not write them to the table.
//
// It reads backwards from T: the shards keep the newest position of a device in any
// order of arrival. It stops after WarmRecords, and when a stream's share of WarmTime
// is over; then only the oldest positions are missing. A slow start would be worse
// than devices that appear with their next record.
//
// Call it after CreateGroups and before Run.
func (f *Feed) Warm(ctx context.Context) error {
	end := time.Now().Add(f.opt.WarmTime)
	for i, r := range f.readers {
		begin := time.Now()
		share := time.Until(end) / time.Duration(len(f.readers)-i)
		limited, cancel := context.WithTimeout(ctx, share)
		n, err := f.warmStream(limited, r)
		late := limited.Err() != nil && ctx.Err() == nil
		cancel()
		if n >= f.opt.WarmRecords || err != nil && late {
			f.arrivals.cutShort()
		}
		if err != nil && late {
			r.log.Warn("warm start ran out of time, the oldest positions are missing (LIVE_WARM_TIME_MS)", "records", n, "after", share.Round(time.Millisecond))
			continue
		}
		if err != nil {
			return fmt.Errorf("warm start from stream %s: %w", r.stream, err)
		}
		r.log.Info("warm start", "records", n, "took", time.Since(begin).Round(time.Millisecond))
	}
	return nil
}

// warmStream reads one stream and returns how many records it delivered.
func (f *Feed) warmStream(ctx context.Context, r *reader) (records int, err error) {
	from, err := f.firstUnarchived(ctx, r)
	if err != nil {
		return 0, err
	}
	if minimum := r.tail.Sub(f.opt.WarmLeast); f.opt.WarmLeast > 0 && minimum.Less(from) {
		from = minimum
	}
	var page []redis.Entry
	size := redis.NewAdaptiveCount(f.opt.BatchCount)
	for to := r.tail; records < f.opt.WarmRecords && !to.Less(from); {
		count := min(size.Count(), f.opt.WarmRecords-records)
		page, err = f.opt.Client.RangeBack(ctx, r.stream, from, to, count, page)
		if redis.IsConnection(err) && count > 1 {
			size.Failed(err) // the reply may be too large; if the server is away, the next attempts fail as well
			continue
		}
		if redis.IsConnection(err) {
			if last, ok := f.skipLargeBack(ctx, r.stream, to); ok {
				to = last.Prev()
				continue
			}
		}
		if err != nil || len(page) == 0 {
			return records, err
		}
		size.Succeeded(page)
		if err := r.batcher.decodeAndDeliver(ctx, page, r.clock.effective(), true); err != nil {
			return records, fmt.Errorf("deliver positions to the shards: %w", err)
		}
		records += len(page)
		to = page[len(page)-1].ID.Prev()
	}
	return records, nil
}

// skipLargeBack walks backwards from to over entries that are too large to be read,
// and returns the oldest of them. ok is false when there is none. It tries several
// times: the connection may still be busy with such an entry, or be closed because of
// it.
func (f *Feed) skipLargeBack(ctx context.Context, stream string, to redis.ID) (last redis.ID, ok bool) {
	for range 3 {
		last, n, err := f.opt.Client.SkipLargeBack(ctx, stream, to)
		if err == nil {
			return last, n > 0
		}
	}
	return redis.ID{}, false
}

// firstUnarchived returns the id of the first entry that the archive may not have
// written.
func (f *Feed) firstUnarchived(ctx context.Context, r *reader) (redis.ID, error) {
	s, err := f.opt.Client.State(ctx, r.stream, f.opt.ArchiveGroup)
	switch {
	case err != nil:
		return redis.ID{}, err
	case !s.Group:
		return r.tail.Sub(f.opt.WarmWindow), nil
	case s.Pending.Count > 0:
		return s.Pending.Oldest, nil
	}
	return s.Delivered.Next(), nil
}
