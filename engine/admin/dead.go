package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"pitwall/engine/archive"
	"pitwall/engine/config"
	"pitwall/engine/embedded"
	"pitwall/engine/internal/plain"
	"pitwall/engine/internal/redis"
)

// DeadSelection says which dead letters to use. The zero value selects all.
type DeadSelection struct {
	Stream string   // only those of this stream; "" for any
	Reason string   // only those with this reason; "" for any
	IDs    []string // only those with these source ids, each alone or as stream/id; empty for all
}

// check refuses streams that are not in TELEMETRY_STREAMS.
func (s *DeadSelection) check(streams []string) error {
	if s.Stream != "" && !slices.Contains(streams, s.Stream) {
		return fmt.Errorf("--stream is %q, allowed is one of TELEMETRY_STREAMS: %s", s.Stream, strings.Join(streams, ", "))
	}
	for _, id := range s.IDs {
		if i := strings.LastIndexByte(id, '/'); i >= 0 && !slices.Contains(streams, id[:i]) {
			return fmt.Errorf("%s: %q is not in TELEMETRY_STREAMS", plain.Text(id), id[:i])
		}
	}
	return nil
}

// choose returns the selected letters, and an error for each source id that no
// letter has. With unique, a source id that letters of several streams have is an
// error, and no letter is returned.
func (s *DeadSelection) choose(letters []archive.DeadLetter, unique bool) (chosen []archive.DeadLetter, err error) {
	found := make([][]string, len(s.IDs)) // the streams that have each id
	for _, l := range letters {
		if s.Stream != "" && l.Stream != s.Stream || s.Reason != "" && l.Reason != s.Reason {
			continue
		}
		selected := len(s.IDs) == 0
		for i, id := range s.IDs {
			if id == l.ID.String() || id == l.Stream+"/"+l.ID.String() {
				selected = true
				found[i] = append(found[i], l.Stream)
			}
		}
		if selected {
			chosen = append(chosen, l)
		}
	}
	for i, streams := range found {
		id := plain.Text(s.IDs[i])
		if unique && len(streams) > 1 {
			return nil, fmt.Errorf("dead letters of several streams have the source id %s: add --stream, or use stream/id. The streams are %s", id, strings.Join(streams, ", "))
		}
		if len(streams) == 0 {
			err = errors.Join(err, fmt.Errorf("no dead letter has the source id %s", id))
		}
	}
	return chosen, err
}

// forEachDead calls fn for each selected dead letter, stream by stream. A source id
// that no letter has is an error after the others are done. For unique, see choose.
func forEachDead(ctx context.Context, c config.Streams, s DeadSelection, log *slog.Logger, unique bool, fn func(*redis.Client, *archive.DeadLetter) error) error {
	if err := s.check(c.StreamKeys()); err != nil {
		return err
	}
	url := string(c.RedisURL)
	if url == "" { // the embedded Redis of a running process
		url = embedded.RedisURL(c.EmbeddedRedisAddr, string(c.EmbeddedRedisPassword))
	}
	client, err := redis.Open(ctx, redis.Options{URL: url, Logger: log})
	if err != nil {
		return err
	}
	defer client.Close()
	var letters []archive.DeadLetter
	for _, stream := range c.StreamKeys() {
		list, err := archive.ListDeadLetters(ctx, client, stream)
		if err != nil {
			return err
		}
		letters = append(letters, list...)
	}
	chosen, missing := s.choose(letters, unique)
	for i := range chosen {
		if err := fn(client, &chosen[i]); err != nil {
			return err
		}
	}
	return missing
}

// DeadList prints one line for each selected dead letter, and their number.
func DeadList(ctx context.Context, c config.Streams, s DeadSelection, log *slog.Logger, out io.Writer) error {
	n := 0
	err := forEachDead(ctx, c, s, log, false, func(_ *redis.Client, l *archive.DeadLetter) error {
		n++
		fmt.Fprintf(out, "%s %-22s %-18s %s\n", plain.Text(l.Stream), l.ID, plain.Text(l.Reason), plain.Text(l.Error))
		return nil
	})
	if err == nil {
		fmt.Fprintln(out, plain.Count(n, "dead letter", "dead letters"))
	}
	return err
}

// DeadShow prints the selected dead letters with the fields of their records.
func DeadShow(ctx context.Context, c config.Streams, s DeadSelection, log *slog.Logger, out io.Writer) error {
	return forEachDead(ctx, c, s, log, false, func(client *redis.Client, l *archive.DeadLetter) error {
		fields, err := l.Original(ctx, client)
		if err != nil && !errors.Is(err, archive.ErrNoFields) {
			return err
		}
		fmt.Fprintf(out, "stream  %s\nid      %s\nreason  %s\nerror   %s\nwritten %s\n",
			plain.Text(l.Stream), l.ID, plain.Text(l.Reason), plain.Text(l.Error), plain.Count(len(l.Entries), "time", "times"))
		for i := 0; i+1 < len(fields); i += 2 {
			fmt.Fprintf(out, "  %q: %q\n", fields[i], fields[i+1])
		}
		return nil
	})
}

// DeadReplay adds the records of dead letters to their streams again and deletes the
// letters. If letters of several streams have one of the source ids, it does nothing
// and returns an error. A letter without fields cannot be replayed; it is an error
// after the others are done.
func DeadReplay(ctx context.Context, c config.Streams, s DeadSelection, log *slog.Logger, out io.Writer) error {
	var skipped []error
	err := forEachDead(ctx, c, s, log, true, func(client *redis.Client, l *archive.DeadLetter) error {
		id, err := l.Replay(ctx, client)
		if errors.Is(err, archive.ErrNoFields) {
			skipped = append(skipped, err)
			return nil
		}
		if err == nil {
			fmt.Fprintf(out, "%s %s replayed as %s\n", plain.Text(l.Stream), l.ID, id)
		}
		return err
	})
	return errors.Join(append(skipped, err)...)
}

// DeadDrop deletes dead letters. It selects them as DeadReplay does.
func DeadDrop(ctx context.Context, c config.Streams, s DeadSelection, log *slog.Logger, out io.Writer) error {
	return forEachDead(ctx, c, s, log, true, func(client *redis.Client, l *archive.DeadLetter) error {
		err := l.Drop(ctx, client)
		if err == nil {
			fmt.Fprintf(out, "%s %s dropped\n", plain.Text(l.Stream), l.ID)
		}
		return err
	})
}
