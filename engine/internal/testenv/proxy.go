package testenv

import (
	"net"
	"sync"
	"testing"
	"time"
)

// TCPProxy relays TCP connections to a server and disturbs them on demand. Its
// methods may be called from any goroutine.
type TCPProxy struct {
	listener net.Listener
	wg       sync.WaitGroup // the accept loop and two relays per connection

	mu      sync.Mutex // guards the fields below
	target  string
	closed  bool
	pairs   map[*proxyPair]struct{}
	armed   bool  // a cut is due
	left    int64 // reply bytes to pass before the cut
	cuts    int
	replies int64         // bytes
	rate    int           // reply bytes per second and connection, 0 for no limit
	delay   time.Duration // of everything that passes, see Delay
	linger  time.Duration // between the ends of the two sides, see SlowClose
	stalled chan struct{} // not nil while stalled; closed by Resume
}

// proxyPair is one relayed connection.
type proxyPair struct {
	client, server net.Conn
	abandoned      bool // see Abandon; guarded by TCPProxy.mu
}

func (p *proxyPair) close() {
	p.client.Close()
	p.server.Close()
}

// Proxy starts a relay to the server at target (host:port) on a free port of
// 127.0.0.1. It ends with the test.
func Proxy(t testing.TB, target string) *TCPProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("proxy: %v", err)
	}
	p := &TCPProxy{target: target, listener: l, pairs: map[*proxyPair]struct{}{}}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr returns the host:port that clients connect to.
func (p *TCPProxy) Addr() string { return p.listener.Addr().String() }

// Retarget sends new connections to another server, as after a change of DNS. Existing
// connections stay on the old one.
func (p *TCPProxy) Retarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// CutAfter cuts one connection. It lets n more bytes of replies pass, over all
// connections together. Then it closes the connection of the next byte, in the middle of
// a reply unless a reply ends there.
func (p *TCPProxy) CutAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed, p.left = true, n
}

// Cuts returns how many connections CutAfter has closed so far.
func (p *TCPProxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// Replies returns how many bytes of replies have passed.
func (p *TCPProxy) Replies() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.replies
}

// CutAll closes all connections now and returns how many there were.
func (p *TCPProxy) CutAll() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.pairs {
		pair.close()
	}
	return len(p.pairs)
}

// Stall stops all traffic until Resume and closes no connection, like a network that
// fails silently.
func (p *TCPProxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled == nil {
		p.stalled = make(chan struct{})
	}
}

// Resume ends a Stall.
func (p *TCPProxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled != nil {
		close(p.stalled)
		p.stalled = nil
	}
}

func (p *TCPProxy) close() {
	p.Resume()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.listener.Close()
	p.CutAll()
	p.wg.Wait()
}

func (p *TCPProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		server, err := net.Dial("tcp", target)
		if err != nil {
			client.Close() // which is how the client sees a server that is down
			continue
		}
		pair := &proxyPair{client: client, server: server}
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			pair.close()
			return
		}
		p.pairs[pair] = struct{}{}
		p.mu.Unlock()
		p.wg.Go(func() { p.relay(pair, pair.server, pair.client, false) })
		p.wg.Go(func() { p.relay(pair, pair.client, pair.server, true) })
	}
}

// relay copies from src to dst until one of them ends, and then ends both.
func (p *TCPProxy) relay(pair *proxyPair, dst, src net.Conn, reply bool) {
	defer func() {
		if src == pair.server && p.isAbandoned(pair) {
			return // the client learns nothing
		}
		src.Close()
		p.await(p.afterClose)
		pair.close()
		p.mu.Lock()
		delete(p.pairs, pair)
		p.mu.Unlock()
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 && p.isAbandoned(pair) {
			continue
		}
		if n > 0 {
			p.await(p.latency)
			pass, cut := p.pass(n, reply)
			if _, err := dst.Write(buf[:pass]); err != nil || cut {
				return
			}
			if reply {
				<-time.After(p.pace(pass))
			}
		}
		if err != nil {
			return
		}
	}
}

// Throttle limits each connection to a number of reply bytes per second, like a slow
// link; 0 is no limit.
func (p *TCPProxy) Throttle(bytesPerSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = bytesPerSecond
}

// pace returns how long n bytes of replies take.
func (p *TCPProxy) pace(n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rate == 0 {
		return 0
	}
	return time.Duration(n) * time.Second / time.Duration(p.rate)
}

// pass waits while the proxy is stalled. It returns how many of n bytes to forward,
// and whether to cut the connection after them.
func (p *TCPProxy) pass(n int, reply bool) (forward int, cut bool) {
	p.mu.Lock()
	for p.stalled != nil {
		resumed := p.stalled
		p.mu.Unlock()
		<-resumed
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	if !reply {
		return n, false
	}
	if p.armed && p.left < int64(n) {
		n, cut = int(p.left), true
		p.armed = false
		p.cuts++
	}
	p.left -= int64(n)
	p.replies += int64(n)
	return n, cut
}
