package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"pitwall/engine/archive"
	"pitwall/engine/internal/redis"
)

// DeadSelection says which dead letters are meant.
type DeadSelection struct {
	Reason string   // only those of this reason; "" for any
	IDs    []string // only those of these source ids; none for all
}

// takes reports whether l is one of them.
func (s *DeadSelection) takes(l *archive.DeadLetter) bool {
	if s.Reason != "" && l.Reason != s.Reason {
		return false
	}
	for _, id := range s.IDs {
		if id == l.ID.String() {
			return true
		}
	}
	return len(s.IDs) == 0
}

// eachDead calls fn with each dead letter of the selection, stream by stream.
// A source id that is not there is an error, after the others.
func eachDead(ctx context.Context, c StreamConfig, s DeadSelection, log *slog.Logger, fn func(*redis.Client, *archive.DeadLetter) error) error {
	url := string(c.RedisURL)
	if url == "" {
		url = "redis://" + c.EmbeddedRedisAddr // that of a process that serves here
	}
	client, err := redis.Open(ctx, redis.Options{URL: url, Logger: log})
	if err != nil {
		return err
	}
	defer client.Close()
	found := map[string]bool{}
	for _, stream := range c.streams() {
		letters, err := archive.ListDead(ctx, client, stream)
		if err != nil {
			return err
		}
		for i := range letters {
			if l := &letters[i]; s.takes(l) {
				found[l.ID.String()] = true
				if err := fn(client, l); err != nil {
					return err
				}
			}
		}
	}
	for _, id := range s.IDs {
		if !found[id] {
			err = errors.Join(err, fmt.Errorf("there is no dead letter with the source id %s", id))
		}
	}
	return err
}

// DeadList lists dead letters on out, a line each.
func DeadList(ctx context.Context, c StreamConfig, s DeadSelection, log *slog.Logger, out io.Writer) error {
	n := 0
	err := eachDead(ctx, c, s, log, func(_ *redis.Client, l *archive.DeadLetter) error {
		n++
		fmt.Fprintf(out, "%s %-22s %-18s %s\n", l.Stream, l.ID, l.Reason, oneLine(l.Error))
		return nil
	})
	if err == nil {
		fmt.Fprintln(out, count(n, "dead letter", "dead letters"))
	}
	return err
}

// DeadShow shows dead letters whole on out.
func DeadShow(ctx context.Context, c StreamConfig, s DeadSelection, log *slog.Logger, out io.Writer) error {
	return eachDead(ctx, c, s, log, func(client *redis.Client, l *archive.DeadLetter) error {
		fields, err := l.Original(ctx, client)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "stream  %s\nid      %s\nreason  %s\nerror   %s\nwritten %s\n",
			l.Stream, l.ID, l.Reason, oneLine(l.Error), count(len(l.At), "time", "times"))
		for i := 0; i+1 < len(fields); i += 2 {
			fmt.Fprintf(out, "  %q: %q\n", fields[i], fields[i+1])
		}
		return nil
	})
}

// DeadReplay adds the records of dead letters to their streams again.
func DeadReplay(ctx context.Context, c StreamConfig, s DeadSelection, log *slog.Logger, out io.Writer) error {
	return eachDead(ctx, c, s, log, func(client *redis.Client, l *archive.DeadLetter) error {
		id, err := l.Replay(ctx, client)
		if err == nil {
			fmt.Fprintf(out, "%s %s replayed as %s\n", l.Stream, l.ID, id)
		}
		return err
	})
}

// DeadDrop deletes dead letters.
func DeadDrop(ctx context.Context, c StreamConfig, s DeadSelection, log *slog.Logger, out io.Writer) error {
	return eachDead(ctx, c, s, log, func(client *redis.Client, l *archive.DeadLetter) error {
		err := l.Drop(ctx, client)
		if err == nil {
			fmt.Fprintf(out, "%s %s dropped\n", l.Stream, l.ID)
		}
		return err
	})
}

// oneLine keeps what a record or a database says from breaking a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
