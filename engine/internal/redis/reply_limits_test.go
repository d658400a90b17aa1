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

// firstWrite is a connection that calls a function before its first write.
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
// still that of the reader.
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
			all.Go(func() { // this dial begins after that of the reader and ends before it
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
	finder := newConnFinder(&opt)
	client := must(rueidis.NewClient(opt))(t)
	defer client.Close()

	disturb = true
	conn, link, err := finder.dedicate(t.Context(), client)
	if err != nil || link == nil {
		t.Fatalf("link %v, error %v", link, err)
	}
	defer conn.Close()
	for _, c := range others {
		c.Close()
	}
	if len(others) != 1 {
		t.Fatalf("%d connections besides that of the reader, want 1", len(others))
	}
	before, _ := link.add(0)
	if err := conn.Do(t.Context(), conn.B().Ping().Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if after, _ := link.add(0); after == before {
		t.Error("the reply was received on another link")
	}
}

// A goroutine that waits for others to connect returns when its context ends.
func TestDedicateEndsWithItsContext(t *testing.T) {
	finder := newConnFinder(&rueidis.ClientOption{})
	finder.dedicating <- struct{}{} // another goroutine connects
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if conn, _, err := finder.dedicate(ctx, nil); conn != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("connection %v, error %v", conn, err)
	}
}

// A reply that keeps arriving is aborted at replyMaxTime.
func TestEndlessReplyIsAborted(t *testing.T) {
	for name, tt := range map[string]struct {
		hoursLeft, received int64
		want                error
	}{
		"arrives in time":        {hoursLeft: 1, received: 1, want: nil},
		"stops in time":          {hoursLeft: 1, received: 0, want: errNoReply},
		"arrives after the time": {hoursLeft: -1, received: 1, want: errReplyTooLarge},
		"stops after the time":   {hoursLeft: -1, received: 0, want: errNoReply},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		r := &replyTimer{link: &link{received: tt.received}, cancel: cancel, timer: time.NewTimer(time.Hour),
			until: time.Now().Add(time.Duration(tt.hoursLeft) * time.Hour)}
		r.check()
		if got := context.Cause(ctx); !errors.Is(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
		r.timer.Stop()
		cancel(nil)
	}
}
