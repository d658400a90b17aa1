package clocks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"pitwall/bench/internal/pause"
	"pitwall/bench/stack"
)

const (
	// tick is the interval at which a publisher looks for what is due.
	tick = 2 * time.Millisecond
	// keepEntries is the minimum number of entries that a stream keeps.
	keepEntries = "500000"
)

// stream is a stream of Redis with its devices. Only one goroutine may publish.
type stream struct {
	server
	key     string
	devices []*device
	conn    *stack.RedisConn
	ms, seq int64 // of the last id made here
}

// publish takes and sends records until ctx ends, which is not an error.
func (s *stream) publish(ctx context.Context, r *race) error {
	s.spread(time.Now(), r.opt.Every)
	for {
		now := time.Now()
		for _, d := range s.devices {
			if !now.Before(d.next) {
				d.take(now, r.progress(now))
				if d.next = d.next.Add(r.opt.Every); d.next.Before(now) {
					d.next = now.Add(r.opt.Every) // it was held up: the records in between are never taken
				}
			}
			if err := s.flush(d, r); err != nil {
				return fmt.Errorf("publish to %s: %w", s.key, err)
			}
		}
		if pause.For(ctx, tick) != nil {
			return nil
		}
	}
}

// spread distributes the next records of the devices evenly over the interval.
func (s *stream) spread(now time.Time, every time.Duration) {
	for i, d := range s.devices {
		d.next = now.Add(every * time.Duration(i) / time.Duration(len(s.devices)))
	}
}

// flush sends what is due in the outbox of a device.
func (s *stream) flush(d *device, r *race) error {
	for len(d.outbox) > 0 && !time.Now().Before(d.outbox[0].due) {
		group := d.outbox[0].group
		d.outbox = d.outbox[1:]
		d.sending(group)
		ids, err := s.send(group, r)
		if err != nil {
			return err
		}
		d.stored(group, ids, time.Now())
	}
	return nil
}

// send stores a group, in a transaction if it has several records, and returns the
// ids.
func (s *stream) send(group []record, r *race) (ids []string, err error) {
	if len(group) == 1 {
		id, err := s.conn.Do(s.add(group[0], r)...)
		return []string{fmt.Sprint(id)}, err
	}
	if _, err := s.conn.Do("MULTI"); err != nil {
		return nil, err
	}
	for _, rec := range group {
		if _, err := s.conn.Do(s.add(rec, r)...); err != nil {
			return nil, err
		}
	}
	reply, err := s.conn.Do("EXEC")
	if err != nil {
		return nil, err
	}
	list, _ := reply.([]any)
	if len(list) != len(group) {
		return nil, fmt.Errorf("EXEC answers %v", reply)
	}
	for _, v := range list {
		if refused, ok := v.(stack.ReplyError); ok {
			err = errors.Join(err, refused)
		}
		ids = append(ids, fmt.Sprint(v))
	}
	return ids, err
}

// add is the command to store a record.
func (s *stream) add(rec record, r *race) []string {
	return append([]string{"XADD", s.key, "MAXLEN", "~", keepEntries, s.id(time.Now(), r)}, rec.fields...)
}

// id is the id of the next entry as the server of the stream would make it: from its
// clock, or in the same millisecond if the clock has not advanced.
func (s *stream) id(now time.Time, r *race) string {
	if s.own {
		return "*"
	}
	if ms := now.Add(s.wrong(r.progress(now))).UnixMilli(); ms > s.ms {
		s.ms, s.seq = ms, 0
	} else {
		s.seq++
	}
	return strconv.FormatInt(s.ms, 10) + "-" + strconv.FormatInt(s.seq, 10)
}
