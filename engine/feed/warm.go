package feed

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/internal/redis"
)

// Warm reads what the streams hold up to T and the archive may not have yet,
// and hands it to the shards as Warm batches: from the archive group's oldest
// pending entry, else from its last delivered one; without such a group
// WarmWindow back. Of more than WarmRecords only the newest are read. When
// WarmTime is over it leaves off and says so in the log: a start that takes too
// long is worse than a dot that is missing until its device sends again.
//
// It is called after CreateGroups and before Run.
func (f *Feed) Warm(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, f.opt.WarmTime)
	defer cancel()
	begin := time.Now()
	for _, r := range f.readers {
		n, err := f.warm(limited, r)
		if err != nil && ctx.Err() == nil && limited.Err() != nil {
			f.log.Warn("warm start left off", "stream", r.stream, "records", n, "after", f.opt.WarmTime)
			return nil
		}
		if err != nil {
			return fmt.Errorf("warm start from stream %s: %w", r.stream, err)
		}
		r.log.Info("warm start", "records", n, "took", time.Since(begin).Round(time.Millisecond))
	}
	return nil
}

// warm reads one stream and returns how many records it handed over.
func (f *Feed) warm(ctx context.Context, r *reader) (records int, err error) {
	from, err := f.floor(ctx, r)
	if err != nil {
		return 0, err
	}
	if from, err = f.newest(ctx, r, from); err != nil {
		return 0, err
	}
	var page []redis.Entry
	for records < f.opt.WarmRecords && !r.tail.Less(from) {
		count := min(f.opt.BatchCount, f.opt.WarmRecords-records)
		if page, err = f.opt.Client.Range(ctx, r.stream, from, r.tail, count, page); err != nil || len(page) == 0 {
			return records, err
		}
		if err := r.handed.deliver(ctx, page, true); err != nil {
			return records, fmt.Errorf("hand positions to the shards: %w", err)
		}
		records += len(page)
		from = page[len(page)-1].ID.Next()
	}
	return records, nil
}

// floor is the id of the first entry that the archive may not have written.
func (f *Feed) floor(ctx context.Context, r *reader) (redis.ID, error) {
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

// newest moves from up so that no more than WarmRecords entries lie between it
// and T. An archive that is far behind leaves more than a start can read, and
// the oldest of it are worth least.
func (f *Feed) newest(ctx context.Context, r *reader, from redis.ID) (redis.ID, error) {
	length, err := f.opt.Client.Length(ctx, r.stream)
	if err != nil || length <= int64(f.opt.WarmRecords) {
		return from, err
	}
	to, n := r.tail, 0
	var page []redis.Entry
	for n < f.opt.WarmRecords {
		count := min(f.opt.BatchCount, f.opt.WarmRecords-n)
		if page, err = f.opt.Client.RangeBack(ctx, r.stream, from, to, count, page); err != nil {
			return from, err
		}
		if len(page) < count {
			return from, nil // all of it fits
		}
		n += len(page)
		to = page[len(page)-1].ID.Prev()
	}
	return page[len(page)-1].ID, nil
}
