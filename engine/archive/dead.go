package archive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"pitwall/codec"
	"pitwall/engine/internal/redis"
)

// DeadLetter is a record that the archive could not bring into the table.
type DeadLetter struct {
	Stream  string     // where it came from
	ID      redis.ID   // under which id
	Reason  string     // one of codec.Reasons, ts_conflict, database_refused or entry_too_large
	Error   string     // the same for people
	Entries []redis.ID // its entries in the stream of dead letters, oldest first
}

// deadPage is how many dead letters are read at once.
const letterPage = 500

// ListDead returns the dead letters of a stream, each source id once however
// often it was written, in the order of their coming. Entries that are no dead
// letters are left out. What they hold is read by Original.
func ListDeadLetters(ctx context.Context, c *redis.Client, stream string) ([]DeadLetter, error) {
	var list []DeadLetter
	places := map[redis.ID]int{}
	var page []redis.Entry
	size := redis.NewAdaptiveCount(letterPage)
	for from := (redis.ID{}); ; {
		var err error
		count := size.Count()
		page, err = c.Range(ctx, c.DeadKey(stream), from, redis.MaxID, count, page)
		if redis.IsConnection(err) && count > 1 {
			size.Failed(err) // too heavy, it may be; without a server a few tries tell
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		size.Succeeded(page)
		for i := range page {
			id, ok := sourceID(page[i].Fields)
			if !ok {
				continue
			}
			at, ok := places[id]
			if !ok {
				at = len(list)
				places[id] = at
				list = append(list, DeadLetter{Stream: stream, ID: id,
					Reason: strings.Clone(page[i].Fields[1]), Error: strings.Clone(page[i].Fields[3])})
			}
			list[at].Entries = append(list[at].Entries, page[i].ID)
		}
		if len(page) < count {
			return list, nil
		}
		from = page[len(page)-1].ID.Next()
	}
}

// sourceID reads the head of a dead letter.
func sourceID(fields []string) (id redis.ID, ok bool) {
	if len(fields) < deadOverhead || fields[0] != deadReason || fields[2] != deadError ||
		fields[4] != deadStream || fields[6] != deadID {
		return redis.ID{}, false
	}
	id, err := redis.ParseID(fields[7])
	return id, err == nil
}

// ErrNoFields is what a letter is asked for in vain that has the id alone: the
// entry was too large.
var ErrNoFields = errors.New("the entry was too large, and the dead letter has its id alone")

// Original returns the fields of the record as it came, alternating name and
// value, or ErrNoFields.
func (l *DeadLetter) Original(ctx context.Context, c *redis.Client) ([]string, error) {
	if l.Reason == reasonEntry {
		return nil, fmt.Errorf("read dead letter %s: %w; the stream %s has the entry until it is trimmed", l.ID, ErrNoFields, l.Stream)
	}
	at := l.Entries[len(l.Entries)-1] // trimming takes the oldest first
	got, err := c.Range(ctx, c.DeadKey(l.Stream), at, at, 1, nil)
	if err != nil {
		return nil, fmt.Errorf("read dead letter %s: %w", l.ID, err)
	}
	if len(got) == 0 {
		return nil, fmt.Errorf("read dead letter %s: it is not there any more", l.ID)
	}
	fields := got[0].Fields[deadOverhead:]
	for i := 0; i < len(fields); i += 2 {
		fields[i] = strings.TrimPrefix(fields[i], fieldPrefix)
	}
	return fields, nil
}

// Replay adds the record to its stream again, as if it had just come, and
// drops the letter. A record without a time of its own gets that of the id
// under which it first came. It returns the new id. When it is interrupted between the two
// steps, the letter is still there, and a second replay writes nothing new.
func (l *DeadLetter) Replay(ctx context.Context, c *redis.Client) (redis.ID, error) {
	fields, err := l.Original(ctx, c)
	if err != nil {
		return redis.ID{}, err
	}
	if lastValue(fields, "ts") == "" {
		came := codec.EntryTime(int64(min(l.ID.Ms, math.MaxInt64)), l.ID.Seq)
		fields = append(slices.Clone(fields), "ts", strconv.FormatInt(came, 10))
	}
	id, err := c.Add(ctx, l.Stream, 0, fields...)
	if err != nil {
		return redis.ID{}, fmt.Errorf("replay dead letter %s: %w", l.ID, err)
	}
	return id, l.Drop(ctx, c)
}

// lastOf returns the last value of a field, which counts; "" when there is none.
func lastValue(fields []string, name string) (value string) {
	for i := 1; i < len(fields); i += 2 {
		if fields[i-1] == name {
			value = fields[i]
		}
	}
	return value
}

// Drop deletes the letter.
func (l *DeadLetter) Drop(ctx context.Context, c *redis.Client) error {
	if _, err := c.Delete(ctx, c.DeadKey(l.Stream), l.Entries); err != nil {
		return fmt.Errorf("drop dead letter %s: %w", l.ID, err)
	}
	return nil
}
