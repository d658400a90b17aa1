package archive

import (
	"context"
	"time"

	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// recover archives what pends on this consumer: delivered once, and then not
// acknowledged. What is held back is part of it, and stays pending if it cannot
// be written now either.
func (r *reader) processPending(ctx, flush context.Context) error {
	r.held.beginPass()
	r.writer.limitSearch(!r.held.empty())
	defer r.writer.limitSearch(false)
	var from redis.ID
	for ctx.Err() == nil {
		if err := r.skipOversized(ctx, flush, &from); err != nil {
			return err
		}
		entries, err := r.conn.ReadGroup(ctx, r.readOptions(from.String(), r.count.Count(), 0), r.first)
		r.first = entries
		r.count.Succeeded(entries)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			if r.held.endPass() {
				r.writer.acceptance.clear()
			}
			clear(r.writer.written)
			if r.held.empty() {
				r.writer.lettersWritable()
			}
			r.nextRetry = time.Now().Add(r.retryEvery())
			r.checkFirst = true // the stream may have been trimmed meanwhile
			return nil
		}
		from = entries[len(entries)-1].ID
		if err := r.process(flush, entries); err != nil {
			return err
		}
	}
	return nil
}

// passLarge makes dead letters of the entries that pend on this consumer after
// an id, as long as they are too large, and moves the id past them. It looks for
// them only after the read of a single entry has failed.
func (r *reader) skipOversized(ctx, flush context.Context, from *redis.ID) error {
	for r.count.Exhausted() {
		id, size, large, err := r.client.LargePending(ctx, r.stream, Group, r.opt.Consumer, from.Next())
		if err != nil || !large {
			return err
		}
		r.batch.fillOversized(id, size)
		if err := r.writer.archive(flush, r.batch); err != nil {
			return err
		}
		*from = id
	}
	return nil
}

// againEvery is how often entries that are held back are tried again. To read
// them again is what keeps other processes from claiming them, so it is well
// within ClaimIdle.
func (r *reader) retryEvery() time.Duration {
	return max(min(r.opt.ClaimInterval, r.opt.ClaimIdle/2), minRetryEvery)
}

// againLeast bounds againEvery from below.
const minRetryEvery = 10 * time.Millisecond

// again tries entries that are held back again, when it is time. While there is
// no room for more of them, it waits until there is.
func (r *reader) retryHeld(ctx, flush context.Context) error {
	for ctx.Err() == nil {
		if r.held.empty() {
			return nil
		}
		full := r.held.room() == 0
		if pause := time.Until(r.nextRetry); full && pause > 0 {
			_ = pace.Sleep(ctx, pause) // the loop looks at ctx
			continue
		} else if pause > 0 {
			return nil
		}
		if err := r.processPending(ctx, flush); err != nil {
			return err
		}
	}
	return nil
}

// claim takes over and archives what has been pending for too long on any
// consumer, when it is time to look. The look goes on from where the last one
// stopped, and ends at the end of the list.
func (r *reader) claim(ctx, flush context.Context) error {
	now := time.Now()
	if now.Before(r.nextClaim) {
		return nil
	}
	r.nextClaim = now.Add(r.opt.ClaimInterval)
	r.writer.limitSearch(!r.held.empty()) // it may claim what it holds back itself
	defer r.writer.limitSearch(false)
	for ctx.Err() == nil {
		room := r.readCount()
		if room == 0 {
			return nil
		}
		entries, next, deleted, err := r.client.Claim(ctx, redis.ClaimOptions{
			Stream: r.stream, Group: Group, Consumer: r.opt.Consumer,
			MinIdle: r.opt.ClaimIdle, From: r.claimFrom, Count: room,
		}, r.first)
		r.first = entries
		if err != nil {
			return r.tolerate(err) // all that this consumer was given goes on
		}
		r.count.Succeeded(entries)
		r.countLost(deleted)
		r.meters.claimed.Add(len(entries))
		r.checkFirst = r.checkFirst || len(entries) > 0
		if err := r.process(flush, entries); err != nil {
			return err
		}
		// Zero at the end of the list. A server that does not move on would
		// keep us here for ever.
		if !r.claimFrom.Less(next) {
			r.claimFrom = redis.ID{}
			return nil
		}
		r.claimFrom = next
	}
	return nil
}
