package testenv

import "time"

// Delay makes all that passes wait, like a long way: each read of up to 32 KiB, in both
// directions. 0 ends it.
func (p *TCPProxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// SlowClose closes the second side of a connection that much later than the first. 0 ends
// it.
func (p *TCPProxy) SlowClose(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.linger = d
}

// Abandon makes all present connections half open, for good, and returns how many there
// were. The servers see them end. The clients learn nothing: what they send is thrown
// away, as if the other machine had lost its power.
func (p *TCPProxy) Abandon() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.pairs {
		pair.abandoned = true
		pair.server.Close()
	}
	return len(p.pairs)
}

func (p *TCPProxy) isAbandoned(pair *proxyPair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return pair.abandoned
}

func (p *TCPProxy) latency() time.Duration { return p.delay }

func (p *TCPProxy) afterClose() time.Duration { return p.linger }

// await waits as long as duration says, which is called with the lock held; not after the
// end of the test.
func (p *TCPProxy) await(duration func() time.Duration) {
	p.mu.Lock()
	d := duration()
	if p.closed {
		d = 0
	}
	p.mu.Unlock()
	if d > 0 {
		<-time.After(d)
	}
}
