package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"pitwall/engine/internal/testenv"
)

// firstWrite calls a function before the first write.
type firstWrite struct {
	net.Conn
	once sync.Once
	call func()
}

func (c *firstWrite) Write(p []byte) (int, error) {
	c.once.Do(c.call)
	return c.Conn.Write(p)
}

// The library may dial for itself while a reader gets its connection. The link is
// the reader's all the same.
func TestDedicateFindsTheConnection(t *testing.T) {
	s := testenv.Redis(t)
	opt := must(clientOptions(s.URL()))(t)
	var all sync.WaitGroup
	var others []net.Conn
	disturb := false
	opt.DialCtxFn = func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil || !disturb {
			return conn, err
		}
		disturb = false
		return &firstWrite{Conn: conn, call: func() {
			all.Go(func() { // begins after that of the reader, and ends before it is known
				other, err := opt.DialCtxFn(context.Background(), addr, d, nil)
				if err != nil {
					t.Error(err)
					return
				}
				others = append(others, other)
			})
			all.Wait()
		}}, nil
	}
	of := newConnFinder(&opt)
	client := must(rueidis.NewClient(opt))(t)
	defer client.Close()

	disturb = true
	conn, on, err := of.dedicate(t.Context(), client)
	if err != nil || on == nil {
		t.Fatalf("link %v, error %v", on, err)
	}
	defer conn.Close()
	for _, c := range others {
		c.Close()
	}
	if len(others) != 1 {
		t.Fatalf("%d connections beside that of the reader", len(others))
	}
	before, _ := on.count(0)
	if err := conn.Do(t.Context(), conn.B().Ping().Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if after, _ := on.count(0); after == before {
		t.Error("a reply came over another link")
	}
}

// A goroutine that waits for others to connect returns when its context ends.
func TestDedicateEndsWithItsContext(t *testing.T) {
	of := newConnFinder(&rueidis.ClientOption{})
	of.one <- struct{}{} // somebody else connects
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if conn, _, err := of.dedicate(ctx, nil); conn != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("connection %v, error %v", conn, err)
	}
}

// A reply that keeps arriving is aborted at replyMaxTime.
func TestEndlessReplyIsAborted(t *testing.T) {
	for name, tt := range map[string]struct {
		left, came int64
		want       error
	}{
		"it comes":          {left: 1, came: 1, want: nil},
		"it does not":       {left: 1, came: 0, want: errNoReply},
		"it comes for ever": {left: -1, came: 1, want: errReplyTooLarge},
		"and does not":      {left: -1, came: 0, want: errNoReply},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		on := &link{came: tt.came}
		r := &replyTimer{link: on, cancel: cancel, until: time.Now().Add(time.Duration(tt.left) * time.Hour), timer: time.NewTimer(time.Hour)}
		r.look()
		if got := context.Cause(ctx); !errors.Is(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
		r.timer.Stop()
		cancel(nil)
	}
}
