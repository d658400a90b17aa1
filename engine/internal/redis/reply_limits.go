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

// Bounds of one reply to a read. While it comes, it is waited for; one beyond
// them ends its connection.
const (
	// replyMaxSilence is how long the server may send nothing, from the end of BLOCK
	// on, before the connection is given up.
	replyMaxSilence = 2 * time.Second
	// replyMaxTime is how long a reply may take in all, from the same moment on.
	replyMaxTime = time.Minute
	// replyMaxBytes is how much a reply may bring.
	replyMaxBytes = 64 << 20
)

// errReplyTooLarge is what a read fails with whose reply came, but was too much.
var errReplyTooLarge = errors.New("the reply is longer than 64 MiB or takes longer than a minute, connection closed")

// link is a connection that counts what comes over it.
type link struct {
	net.Conn

	mu    sync.Mutex
	came  int64 // bytes
	limit int64 // of came; 0 for none
}

// Read reads, unless what came is beyond the limit.
func (l *link) Read(p []byte) (int, error) {
	if came, limit := l.add(0); limit > 0 && came > limit {
		return 0, errReplyTooLarge
	}
	n, err := l.Conn.Read(p)
	l.add(n)
	return n, err
}

// add counts n more bytes, and returns all of them and the limit.
func (l *link) add(n int) (came, limit int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.came += int64(n)
	return l.came, l.limit
}

// allow lets n more bytes come; 0 is any number. It returns how much came.
func (l *link) allow(n int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit = 0; n > 0 {
		l.limit = l.came + n
	}
	return l.came
}

// connFinder finds the connection of one client that a reader was given: the library
// does not tell.
type connFinder struct {
	one chan struct{} // held while a reader gets its connection

	mu    sync.Mutex
	round int   // counts connections for readers
	begun int   // dials of this round that may be the reader's
	last  *link // that one of them made
}

// dedicateTries is how often a connection is asked for until it is the only one
// that was dialed meanwhile.
const dedicateTries = 3

// newConnFinder makes all connections of a client with these options count.
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
		mayBe := ctx.Done() == nil // as of Dedicate: every command of ours has a deadline
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

// begin takes note of a dial, and returns its round.
func (l *connFinder) begin(mayBe bool) (round int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mayBe {
		l.begun++
	}
	return l.round
}

// made takes note of the connection of a dial.
func (l *connFinder) made(k *link, round int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if round == l.round {
		l.last = k
	}
}

// dedicate takes a connection of its own from a client, and says which it is:
// nil when that is not known. The library dials for itself as well, after a
// failover: while it does, a connection is thrown away and asked for again.
func (l *connFinder) dedicate(ctx context.Context, from rueidis.Client) (rueidis.DedicatedClient, *link, error) {
	select {
	case l.one <- struct{}{}:
		defer func() { <-l.one }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	for try := 1; ; try++ {
		l.next()
		conn, _ := from.Dedicate()
		on, alone := l.dialed()
		if alone || try == dedicateTries || ctx.Err() != nil {
			return conn, on, nil
		}
		conn.Close()
	}
}

// next begins a round.
func (l *connFinder) next() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.round, l.begun, l.last = l.round+1, 0, nil
}

// dialed returns the connection of this round, if one at most was dialed: nil
// where it was not dialed now.
func (l *connFinder) dialed() (on *link, alone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun > 1 {
		return nil, false
	}
	return l.last, true
}

// replyTimer bounds one read on a link.
type replyTimer struct {
	link   *link
	cancel context.CancelCauseFunc
	until  time.Time // when it is over in any case

	mu    sync.Mutex
	timer *time.Timer
	seen  int64 // of what came
}

// await returns a context that ends when the reply to a read does not come, with
// errNoReply, or is too much, with errReplyTooLarge. It is told the end of the read.
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

// look goes on waiting if something has come since the last look.
func (r *replyTimer) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch came, _ := r.link.add(0); {
	case came == r.seen:
		r.cancel(errNoReply)
	case time.Now().After(r.until):
		r.cancel(errReplyTooLarge)
	default:
		r.seen = came
		r.timer.Reset(replyMaxSilence)
	}
}
