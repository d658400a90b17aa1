package redis

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// target is a kind of server that the conformance suite runs against.
type target struct {
	name  string
	start func(t *testing.T) (url string)
	// real is false for the embedded server, which lacks some commands (XGROUP
	// SETID, CLIENT KILL) and numbers.
	real bool
}

// targets returns all kinds of servers that Pitwall supports.
func targets() []target {
	return []target{
		{"redis-server", func(t *testing.T) string { return testenv.Redis(t).URL() }, true},
		{"embedded", func(t *testing.T) string {
			m := miniredis.RunT(t)
			m.ClockTTL(true) // as package embedded runs it
			return "redis://" + m.Addr()
		}, false},
		{"cluster", func(t *testing.T) string { return testenv.SharedRedisCluster(t).Nodes()[1].URL() }, true},
	}
}

// conform runs fn against each server, as a subtest with a fresh client.
func conform(t *testing.T, fn func(t *testing.T, c *Client, on target)) {
	t.Helper()
	for _, on := range targets() {
		t.Run(on.name, func(t *testing.T) {
			fn(t, open(t, on.start(t)), on)
		})
	}
}

// open opens a client that is closed with the test.
func open(t *testing.T, url string) *Client {
	t.Helper()
	c, err := Open(context.Background(), Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// raw sends a command for which Client has no method. Its second word is the key.
func raw(t *testing.T, c *Client, args ...string) {
	t.Helper()
	if _, err := c.run(t.Context(), "test", onKey{args[1]}, args...); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
}

// addID adds an entry with the given id.
func addID(t *testing.T, c *Client, stream, id string, fields ...string) {
	t.Helper()
	raw(t, c, append([]string{"XADD", stream, id}, fields...)...)
}

// must fails the test on an error.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// ids returns the ids of entries as Redis writes them.
func ids(entries []Entry) []string {
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.ID.String()
	}
	return out
}

// readOnce reads once on a Reader of its own.
func readOnce(ctx context.Context, c *Client, o ReadOptions) ([]Entry, error) {
	r := c.NewReader(o)
	defer r.Close()
	return r.Read(ctx, nil)
}
