package testenv

import (
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/servers"
)

func TestProxyRelays(t *testing.T) {
	s := Redis(t)
	p := Proxy(t, s.Addr())
	c := dialProxy(t, p)
	long := strings.Repeat("x", 1<<20)
	if got, err := c.Do("ECHO", long); err != nil || got != long {
		t.Fatalf("a long echo came back wrong: %v", err)
	}
	if p.Replies() < 1<<20 {
		t.Errorf("%d reply bytes counted", p.Replies())
	}
}

func TestProxyCutsInTheMiddleOfAReply(t *testing.T) {
	s := Redis(t)
	p := Proxy(t, s.Addr())
	c, other := dialProxy(t, p), dialProxy(t, p)
	if _, err := c.Do("PING"); err != nil {
		t.Fatal(err)
	}
	before := p.Replies()
	p.CutAfter(5)
	if _, err := c.Do("ECHO", "hello"); err == nil {
		t.Fatal("the whole reply arrived")
	}
	if n := p.Replies() - before; n != 5 {
		t.Errorf("%d bytes of the reply passed, want 5", n)
	}
	if _, err := other.Do("PING"); err != nil {
		t.Errorf("another connection was cut as well: %v", err)
	}
	if p.Cuts() != 1 {
		t.Errorf("%d cuts counted, want 1", p.Cuts())
	}
}

func TestProxyCutAll(t *testing.T) {
	s := Redis(t)
	p := Proxy(t, s.Addr())
	c := dialProxy(t, p)
	if _, err := c.Do("PING"); err != nil {
		t.Fatal(err)
	}
	if n := p.CutAll(); n != 1 {
		t.Errorf("cut %d, want 1", n)
	}
	if _, err := c.Do("PING"); err == nil {
		t.Error("the connection survived")
	}
	if _, err := dialProxy(t, p).Do("PING"); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

func TestProxyStall(t *testing.T) {
	s := Redis(t)
	p := Proxy(t, s.Addr())
	c := dialProxy(t, p)
	p.Stall()
	got := make(chan error, 1)
	go func() {
		_, err := c.Do("SET", "k", "v")
		got <- err
	}()
	// That a command does not arrive is no event to wait for, so the server is asked
	// many times.
	for range 50 {
		if v := s.Do("GET", "k"); v != nil {
			t.Fatal("traffic passed a stalled proxy")
		}
	}
	p.Resume()
	if err := <-got; err != nil {
		t.Errorf("after Resume: %v", err)
	}
	Eventually(t, time.Second, "the key", func() bool { return s.Do("GET", "k") == "v" })
}

func TestProxyToAStoppedServer(t *testing.T) {
	s := Redis(t)
	p := Proxy(t, s.Addr())
	s.Stop()
	if _, err := dialProxy(t, p).Do("PING"); err == nil {
		t.Fatal("a stopped server answered")
	}
	s.Start()
	if _, err := dialProxy(t, p).Do("PING"); err != nil {
		t.Errorf("after the start: %v", err)
	}
}

func dialProxy(t *testing.T, p *TCPProxy) *servers.Conn {
	t.Helper()
	c, err := servers.Dial(p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
