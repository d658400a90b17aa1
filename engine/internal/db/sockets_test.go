package db

import (
	"context"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// proxied returns the URL of a database through a proxy.
func proxied(t *testing.T) (string, *testenv.TCPProxy) {
	t.Helper()
	u, err := url.Parse(testenv.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := testenv.Proxy(t, u.Host)
	u.Host = proxy.Addr()
	return u.String(), proxy
}

// A server that stalls during a statement does not delay Close, and the pool leaves no
// goroutines (goleak checks at the end).
func TestCloseWhileTheServerStalls(t *testing.T) {
	t.Parallel()
	url, proxy := proxied(t)
	d, err := Open(context.Background(), Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	proxy.Stall()
	ctx, cancel := context.WithCancel(context.Background())
	pinged := make(chan error, 1)
	go func() { pinged <- d.Ping(ctx) }()
	p := d.(*postgres)
	testenv.Eventually(t, 20*time.Second, "a statement to be running", func() bool { return p.pool.Stat().AcquiredConns() == 1 })
	cancel()
	if err := <-pinged; err == nil {
		t.Error("a ping of a server that does not answer succeeded")
	}
	closed := make(chan struct{})
	go func() { defer close(closed); d.Close() }()
	select {
	case <-closed:
	case <-time.After(10 * time.Second): // the driver would wait 15 s
		t.Error("Close waits for a server that does not answer")
		<-closed
	}
	p.sockets.mu.Lock()
	defer p.sockets.mu.Unlock()
	if n := len(p.sockets.open); n != 0 {
		t.Errorf("%d sockets are listed after Close", n)
	}
}

// dial fails after closeAll.
func TestDialFailsAfterCloseAll(t *testing.T) {
	t.Parallel()
	url, _ := proxied(t)
	d, err := Open(context.Background(), Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	p := d.(*postgres)
	p.sockets.closeAll()
	if err := d.Ping(context.Background()); err == nil {
		t.Error("a ping succeeded although every socket is closed")
	}
}
