package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// Limits of one reply to a read. A read whose reply exceeds one of them fails, and
// its connection is closed.
const (
	// replyMaxSilence is how long the server may send nothing, from the end of
	// BLOCK on.
	replyMaxSilence = 2 * time.Second
	// replyMaxTime is how long a whole reply may take, from the end of BLOCK on.
	replyMaxTime = time.Minute
	// replyMaxBytes is how many bytes a reply may have.
	replyMaxBytes = 64 << 20
)

// errReplyTooLarge is the error of a read whose reply arrived but exceeded
// replyMaxTime or replyMaxBytes.
var errReplyTooLarge = errors.New("the reply is longer than 64 MiB or takes longer than a minute, connection closed")

// link is a connection that counts the bytes it receives.
type link struct {
	net.Conn

	mu    sync.Mutex
	came  int64 // bytes received
	limit int64 // highest allowed came; 0 for no limit
}

// Read reads, unless more than the limit has been received.
func (l *link) Read(p []byte) (int, error) {
	if came, limit := l.count(0); limit > 0 && came > limit {
		return 0, errReplyTooLarge
	}
	n, err := l.Conn.Read(p)
	l.count(n)
	return n, err
}

// count adds n received bytes, and returns the total and its limit.
func (l *link) count(n int) (came, limit int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.came += int64(n)
	return l.came, l.limit
}

// allow sets the limit n bytes above the total; 0 removes it. It returns the total.
func (l *link) allow(n int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit = 0; n > 0 {
		l.limit = l.came + n
	}
	return l.came
}

// connFinder finds the link under a dedicated connection. The library does not say
// which connection it hands out, so connFinder watches its dials.
type connFinder struct {
	one chan struct{} // a lock: held while a reader gets its connection

	mu    sync.Mutex
	round int   // counts calls of Dedicate
	begun int   // dials of this round that may be for the reader
	last  *link // the result of one of them
}

// dedicateTries is how often dedicate tries until only one connection was dialed
// meanwhile.
const dedicateTries = 3

// newConnFinder makes all connections of a client with these options links.
func newConnFinder(o *rueidis.ClientOption) *connFinder {
	l := &connFinder{one: make(chan struct{}, 1)}
	dial := o.DialCtxFn
	if dial == nil {
		dial = func(ctx context.Context, addr string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
			if t != nil {
				return (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, "tcp", addr)
			}
			return d.DialContext(ctx, "tcp", addr)
		}
	}
	o.DialCtxFn = func(ctx context.Context, addr string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
		mayBe := ctx.Done() == nil // Dedicate dials without a deadline, all our commands have one
		round := l.begin(mayBe)
		conn, err := dial(ctx, addr, d, t)
		if err != nil {
			return nil, err
		}
		k := &link{Conn: conn}
		if mayBe {
			l.made(k, round)
		}
		return k, nil
	}
	return l
}

// begin records the start of a dial and returns its round.
func (l *connFinder) begin(mayBe bool) (round int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mayBe {
		l.begun++
	}
	return l.round
}

// made records the connection of a dial.
func (l *connFinder) made(k *link, round int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if round == l.round {
		l.last = k
	}
}

// dedicate gets a dedicated connection from a client, and the link under it: nil
// when that is unknown. After a failover the library dials for itself as well. If
// two dials overlap, the connection is thrown away and another one is requested.
func (l *connFinder) dedicate(ctx context.Context, from rueidis.Client) (rueidis.DedicatedClient, *link, error) {
	select {
	case l.one <- struct{}{}:
		defer func() { <-l.one }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	for try := 1; ; try++ {
		l.beginRound()
		conn, _ := from.Dedicate()
		on, alone := l.dialed()
		if alone || try == dedicateTries || ctx.Err() != nil {
			return conn, on, nil
		}
		conn.Close()
	}
}

// beginRound starts a round.
func (l *connFinder) beginRound() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.round, l.begun, l.last = l.round+1, 0, nil
}

// dialed returns the link of this round. It is nil when nothing was dialed. alone
// is false when there was more than one dial.
func (l *connFinder) dialed() (on *link, alone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun > 1 {
		return nil, false
	}
	return l.last, true
}

// replyTimer enforces the limits on one read.
type replyTimer struct {
	link   *link
	cancel context.CancelCauseFunc
	until  time.Time // deadline of the whole reply

	mu    sync.Mutex
	timer *time.Timer
	seen  int64 // bytes received at the last check
}

// await returns a context for one read. It ends with errNoReply when the server
// sends nothing for too long, and with errReplyTooLarge when the reply exceeds its
// limits. The caller calls the function at the end of the read.
func (l *link) await(ctx context.Context, block time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &replyTimer{link: l, cancel: cancel, until: time.Now().Add(block + replyMaxTime), seen: l.allow(replyMaxBytes)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(block+replyMaxSilence, r.look)
	return ctx, func() {
		r.timer.Stop()
		l.allow(0)
		cancel(nil)
	}
}

// look is called by the timer. It waits on if bytes have arrived since the last
// call.
func (r *replyTimer) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch came, _ := r.link.count(0); {
	case came == r.seen:
		r.cancel(errNoReply)
	case time.Now().After(r.until):
		r.cancel(errReplyTooLarge)
	default:
		r.seen = came
		r.timer.Reset(replyMaxSilence)
	}
}
