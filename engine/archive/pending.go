package archive

import (
	"context"
	"time"

	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// processPending archives the entries that are pending on this consumer: those that
// were delivered to it and not acknowledged. Entries that are held back are among
// them. They stay pending if they still cannot be written.
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
			r.checkFirst = true // the stream may have been trimmed in the meantime
			return nil
		}
		from = entries[len(entries)-1].ID
		if err := r.process(flush, entries); err != nil {
			return err
		}
	}
	return nil
}

// skipOversized writes dead letters for the pending entries after from that are too
// large to read, and moves from past them. It asks the server only after the read of
// a single entry has failed.
func (r *reader) skipOversized(ctx, flush context.Context, from *redis.ID) error {
	for r.count.Exhausted() {
		id, size, large, err := r.client.LargePending(ctx, r.stream, Group, r.opt.Consumer, from.Next())
		if err != nil || !large {
			return err
		}
		r.batch.fillOversized(id, size)
		if err := r.writer.writeBatch(flush, r.batch); err != nil {
			return err
		}
		*from = id
	}
	return nil
}

// retryEvery is the interval at which entries that are held back are retried. Reading
// them resets their idle time, so that no other process claims them. So the interval
// must be well below ClaimIdle.
func (r *reader) retryEvery() time.Duration {
	return max(min(r.opt.ClaimInterval, r.opt.ClaimIdle/2), minRetryEvery)
}

// minRetryEvery bounds retryEvery from below.
const minRetryEvery = 10 * time.Millisecond

// retryHeld retries the entries that are held back, when the retry is due. As long as
// there is no room to hold back more entries, it repeats that and does not return.
func (r *reader) retryHeld(ctx, flush context.Context) error {
	for ctx.Err() == nil {
		if r.held.empty() {
			return nil
		}
		full := r.held.room() == 0
		if pause := time.Until(r.nextRetry); full && pause > 0 {
			_ = pace.Sleep(ctx, pause) // the loop checks ctx
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

// claim takes over and archives entries that have been pending for too long on any
// consumer, if a claim is due. It continues where the last claim stopped, and stops at
// the end of the list of pending entries.
func (r *reader) claim(ctx, flush context.Context) error {
	now := time.Now()
	if now.Before(r.nextClaim) {
		return nil
	}
	r.nextClaim = now.Add(r.opt.ClaimInterval)
	r.writer.limitSearch(!r.held.empty()) // it may claim entries that it holds back itself
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
			return r.tolerate(err) // this consumer can go on without claims
		}
		r.count.Succeeded(entries)
		r.countLost(deleted)
		r.meters.claimed.Add(len(entries))
		r.checkFirst = r.checkFirst || len(entries) > 0
		if err := r.process(flush, entries); err != nil {
			return err
		}
		// next is zero at the end of the list. The comparison also ends the loop
		// for a server that does not advance.
		if !r.claimFrom.Less(next) {
			r.claimFrom = redis.ID{}
			return nil
		}
		r.claimFrom = next
	}
	return nil
}
