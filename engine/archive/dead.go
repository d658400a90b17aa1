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

// DeadLetter is a record that the archive could not write to the table.
type DeadLetter struct {
	Stream  string     // key of the source stream
	ID      redis.ID   // id in the source stream
	Reason  string     // one of codec.Reasons, ts_conflict, database_refused or entry_too_large
	Error   string     // the reason in words
	Entries []redis.ID // its entries in the stream of dead letters, oldest first
}

// letterPage is how many dead letters are read at once.
const letterPage = 500

// ListDeadLetters returns the dead letters of a stream in the order in which they were
// first written. Letters with the same source id are one letter. Entries that are not
// dead letters are left out. Original reads the record of a letter.
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
			size.Failed(err) // the page may be too large; without a server this ends after a few tries
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

// sourceID reads the source id of a dead letter; ok is false for other entries.
func sourceID(fields []string) (id redis.ID, ok bool) {
	if len(fields) < deadOverhead || fields[0] != deadReason || fields[2] != deadError ||
		fields[4] != deadStream || fields[6] != deadID {
		return redis.ID{}, false
	}
	id, err := redis.ParseID(fields[7])
	return id, err == nil
}

// ErrNoFields says that a letter has no record, only an id: the entry was too large.
var ErrNoFields = errors.New("the entry was too large, so the dead letter has only its id")

// Original returns the fields of the record as it arrived, alternating name and value,
// or ErrNoFields.
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
		return nil, fmt.Errorf("read dead letter %s: it was deleted", l.ID)
	}
	fields := got[0].Fields[deadOverhead:]
	for i := 0; i < len(fields); i += 2 {
		fields[i] = strings.TrimPrefix(fields[i], fieldPrefix)
	}
	return fields, nil
}

// Replay adds the record to its stream again, drops the letter, and returns the new
// id. A record without a time gets the time of its first id, so that a second
// replay writes the same row. If Replay is interrupted between the two steps, the
// letter is still there and can be replayed again.
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

// lastValue returns the last value of a field, which is the one that counts; "" for
// none.
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
