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

// DeadSelection says which dead letters are meant.
type DeadSelection struct {
	Stream string   // only those of this stream; "" for any
	Reason string   // only those of this reason; "" for any
	IDs    []string // only those of these source ids, each alone or as stream/id; none for all
}

// letterName is a dead letter as it is named: of any stream where that is "".
type letterName struct{ stream, id string }

// names takes the IDs of the selection apart.
func (s *DeadSelection) names(streams []string) ([]letterName, error) {
	var names []letterName
	for _, id := range s.IDs {
		n := letterName{id: id}
		if i := strings.LastIndexByte(id, '/'); i >= 0 {
			n = letterName{id[:i], id[i+1:]}
		}
		if n.stream != "" && !slices.Contains(streams, n.stream) {
			return nil, fmt.Errorf("%s: %q is none of TELEMETRY_STREAMS", id, n.stream)
		}
		names = append(names, n)
	}
	if s.Stream != "" && !slices.Contains(streams, s.Stream) {
		return nil, fmt.Errorf("--stream is %q, allowed is one of TELEMETRY_STREAMS: %s", s.Stream, strings.Join(streams, ", "))
	}
	return names, nil
}

// names reports whether n is a name of l.
func (n letterName) names(l *archive.DeadLetter) bool {
	return n.id == l.ID.String() && (n.stream == "" || n.stream == l.Stream)
}

// choose returns the letters of the selection, and an error for each name that
// none has. one says that a name must not stand for letters of several streams:
// then nothing is chosen.
func (s *DeadSelection) choose(letters []archive.DeadLetter, names []letterName, one bool) (chosen []archive.DeadLetter, err error) {
	of := make([][]string, len(names)) // the streams of each name
	for i := range letters {
		l := &letters[i]
		if s.Stream != "" && l.Stream != s.Stream || s.Reason != "" && l.Reason != s.Reason {
			continue
		}
		named := len(names) == 0
		for n := range names {
			if names[n].names(l) {
				named = true
				of[n] = append(of[n], l.Stream)
			}
		}
		if named {
			chosen = append(chosen, *l)
		}
	}
	for n, streams := range of {
		if one && len(streams) > 1 {
			return nil, fmt.Errorf("%s is the source id of dead letters in several streams: say --stream, or name one as stream/id: %s",
				names[n].id, strings.Join(streams, ", "))
		}
		if len(streams) == 0 {
			err = errors.Join(err, fmt.Errorf("there is no dead letter with the source id %s", plain.Text(s.IDs[n])))
		}
	}
	return chosen, err
}

// eachDead calls fn with each dead letter of the selection, stream by stream.
// A source id that is not there is an error, after the others. With one, nothing
// is done when a source id stands for several letters.
func eachDead(ctx context.Context, c config.Streams, s DeadSelection, log *slog.Logger, one bool, fn func(*redis.Client, *archive.DeadLetter) error) error {
	names, err := s.names(c.StreamKeys())
	if err != nil {
		return err
	}
	url := string(c.RedisURL)
	if url == "" {
		url = embedded.RedisURL(c.EmbeddedRedisAddr, string(c.EmbeddedRedisPassword)) // that of a process that serves here
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
	chosen, missing := s.choose(letters, names, one)
	for i := range chosen {
		if err := fn(client, &chosen[i]); err != nil {
			return err
		}
	}
	return missing
}

// DeadList lists dead letters on out, a line each.
func DeadList(ctx context.Context, c config.Streams, s DeadSelection, log *slog.Logger, out io.Writer) error {
	n := 0
	err := eachDead(ctx, c, s, log, false, func(_ *redis.Client, l *archive.DeadLetter) error {
		n++
		fmt.Fprintf(out, "%s %-22s %-18s %s\n", plain.Text(l.Stream), l.ID, plain.Text(l.Reason), plain.Text(l.Error))
		return nil
	})
	if err == nil {
		fmt.Fprintln(out, plain.Count(n, "dead letter", "dead letters"))
	}
	return err
}

// DeadShow shows dead letters whole on out.
func DeadShow(ctx context.Context, c config.Streams, s DeadSelection, log *slog.Logger, out io.Writer) error {
	return eachDead(ctx, c, s, log, false, func(client *redis.Client, l *archive.DeadLetter) error {
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

// DeadReplay adds the records of dead letters to their streams again. A source id
// that stands for letters of several streams is refused.
func DeadReplay(ctx context.Context, c config.Streams, s DeadSelection, log *slog.Logger, out io.Writer) error {
	var left []error // letters that nobody can replay keep none of the others
	err := eachDead(ctx, c, s, log, true, func(client *redis.Client, l *archive.DeadLetter) error {
		id, err := l.Replay(ctx, client)
		if errors.Is(err, archive.ErrNoFields) {
			left = append(left, err)
			return nil
		}
		if err == nil {
			fmt.Fprintf(out, "%s %s replayed as %s\n", plain.Text(l.Stream), l.ID, id)
		}
		return err
	})
	return errors.Join(append(left, err)...)
}

// DeadDrop deletes dead letters, as DeadReplay chooses them.
func DeadDrop(ctx context.Context, c config.Streams, s DeadSelection, log *slog.Logger, out io.Writer) error {
	return eachDead(ctx, c, s, log, true, func(client *redis.Client, l *archive.DeadLetter) error {
		err := l.Drop(ctx, client)
		if err == nil {
			fmt.Fprintf(out, "%s %s dropped\n", plain.Text(l.Stream), l.ID)
		}
		return err
	})
}
