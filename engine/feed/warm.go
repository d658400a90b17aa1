package feed

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/internal/redis"
)

// Warm reads what the streams hold up to T and the archive may not have yet,
// and hands it to the shards as Warm batches: down to the archive group's oldest
// pending entry, else to its last delivered one; without such a group WarmWindow
// back. WarmLeast is read in any case, for the records that the archive does not
// write to the table although they are shown.
//
// It reads from T backwards, since the shards keep the newest position of a device
// in whatever order they come. It leaves off after WarmRecords, and when a stream's
// share of WarmTime is over: what is missing then is the oldest, and a start that
// takes too long is worse than a dot that comes with the next record of its device.
//
// It is called after CreateGroups and before Run.
func (f *Feed) Warm(ctx context.Context) error {
	end := time.Now().Add(f.opt.WarmTime)
	for i, r := range f.readers {
		begin := time.Now()
		share := time.Until(end) / time.Duration(len(f.readers)-i)
		limited, cancel := context.WithTimeout(ctx, share)
		n, err := f.warmStream(limited, r)
		late := limited.Err() != nil && ctx.Err() == nil
		cancel()
		if err != nil && late {
			r.log.Warn("warm start left off, the oldest positions are missing (LIVE_WARM_TIME_MS)", "records", n, "after", share.Round(time.Millisecond))
			continue
		}
		if err != nil {
			return fmt.Errorf("warm start from stream %s: %w", r.stream, err)
		}
		r.log.Info("warm start", "records", n, "took", time.Since(begin).Round(time.Millisecond))
	}
	return nil
}

// warmStream reads one stream and returns how many records it handed over.
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
			size.Failed(err) // too heavy, it may be; without a server a few tries tell
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
			return records, fmt.Errorf("hand positions to the shards: %w", err)
		}
		records += len(page)
		to = page[len(page)-1].ID.Prev()
	}
	return records, nil
}

// skipLargeBack returns the oldest of the entries from to on, backwards, that are
// too large to be read. The connection may be busy with one of them, or just be
// closed for it, so it asks more than once.
func (f *Feed) skipLargeBack(ctx context.Context, stream string, to redis.ID) (last redis.ID, ok bool) {
	for range 3 {
		last, n, err := f.opt.Client.SkipLargeBack(ctx, stream, to)
		if err == nil {
			return last, n > 0
		}
	}
	return redis.ID{}, false
}

// firstUnarchived is the id of the first entry that the archive may not have written.
func (f *Feed) firstUnarchived(ctx context.Context, r *reader) (redis.ID, error) {
	pending, err := f.opt.Client.PendingSummary(ctx, r.stream, f.opt.ArchiveGroup)
	switch {
	case redis.IsNoGroup(err):
		return r.tail.Sub(f.opt.WarmWindow), nil
	case err != nil:
		return redis.ID{}, err
	case pending.Count > 0:
		return pending.Oldest, nil
	}
	last, ok, err := f.opt.Client.GroupLastDelivered(ctx, r.stream, f.opt.ArchiveGroup)
	if err != nil {
		return redis.ID{}, err
	}
	if !ok { // destroyed between the two questions
		return r.tail.Sub(f.opt.WarmWindow), nil
	}
	return last.Next(), nil
}
