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
	// replyMaxBytes is how many bytes a reply may have, unless ReadOptions say.
	replyMaxBytes = 64 << 20
)

// errReplyTooLarge is the error of a read whose reply arrived but exceeded
// replyMaxTime or replyMaxBytes.
var errReplyTooLarge = errors.New("the reply is longer than 64 MiB or takes longer than a minute, connection closed")

// link is a connection that counts the bytes it receives.
type link struct {
	net.Conn

	mu       sync.Mutex
	received int64 // bytes
	limit    int64 // bytes after which reads fail; 0 for no limit
}

// Read reads, unless more than the limit has been received.
func (l *link) Read(p []byte) (int, error) {
	if received, limit := l.add(0); limit > 0 && received > limit {
		return 0, errReplyTooLarge
	}
	n, err := l.Conn.Read(p)
	l.add(n)
	return n, err
}

// add adds n received bytes, and returns the total and its limit.
func (l *link) add(n int) (received, limit int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received += int64(n)
	return l.received, l.limit
}

// allow sets the limit n bytes above the total; 0 removes it. It returns the total.
func (l *link) allow(n int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit = 0; n > 0 {
		l.limit = l.received + n
	}
	return l.received
}

// connFinder finds the link under a dedicated connection. The library does not say
// which connection it hands out, so connFinder watches its dials.
type connFinder struct {
	dedicating chan struct{} // a lock: held while a reader gets its connection

	mu      sync.Mutex
	attempt int   // counts calls of Dedicate
	dials   int   // dials of this attempt that may be for the reader
	found   *link // the result of one of them
}

// dedicateTries is the most attempts of dedicate. It tries again if another connection
// was dialed at the same time.
const dedicateTries = 3

// newConnFinder sets the dialer in the options, and returns the finder of the
// client's connections.
func newConnFinder(o *rueidis.ClientOption) *connFinder {
	f := &connFinder{dedicating: make(chan struct{}, 1)}
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
		if ctx.Done() != nil { // a command of ours, which has a deadline; Dedicate dials without one
			return dial(ctx, addr, d, t)
		}
		attempt := f.dialStarted()
		conn, err := dial(ctx, addr, d, t)
		if err != nil {
			return nil, err
		}
		l := &link{Conn: conn}
		f.dialEnded(l, attempt)
		return l, nil
	}
	return f
}

// dialStarted counts a dial and returns the attempt that it belongs to.
func (f *connFinder) dialStarted() (attempt int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dials++
	return f.attempt
}

// dialEnded records the connection of a dial.
func (f *connFinder) dialEnded(l *link, attempt int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if attempt == f.attempt {
		f.found = l
	}
}

// dedicate gets a dedicated connection from a client, and the link under it, which is
// nil when it is unknown. After a failover the library dials for itself as well. If two
// dials overlap, dedicate closes the connection and requests another one.
func (f *connFinder) dedicate(ctx context.Context, from rueidis.Client) (rueidis.DedicatedClient, *link, error) {
	select {
	case f.dedicating <- struct{}{}:
		defer func() { <-f.dedicating }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	for try := 1; ; try++ {
		f.startAttempt()
		conn, _ := from.Dedicate()
		l, alone := f.result()
		if alone || try == dedicateTries || ctx.Err() != nil {
			return conn, l, nil
		}
		conn.Close()
	}
}

func (f *connFinder) startAttempt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempt, f.dials, f.found = f.attempt+1, 0, nil
}

// result returns the link that this attempt has dialed. It is nil when nothing was
// dialed. alone is false when there was more than one dial.
func (f *connFinder) result() (l *link, alone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dials > 1 {
		return nil, false
	}
	return f.found, true
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
// sends nothing for too long, and with errReplyTooLarge when the reply takes too long
// or has more than most bytes. The caller calls the function at the end of the read.
func (l *link) await(ctx context.Context, block time.Duration, most int64) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &replyTimer{link: l, cancel: cancel, until: time.Now().Add(block + replyMaxTime), seen: l.allow(most)}
	r.mu.Lock() // check may run before timer is set
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(block+replyMaxSilence, r.check)
	return ctx, func() {
		r.timer.Stop()
		l.allow(0)
		cancel(nil)
	}
}

// check is called by the timer. It starts the timer again if bytes have arrived since
// the last call.
func (r *replyTimer) check() {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch received, _ := r.link.add(0); {
	case received == r.seen:
		r.cancel(errNoReply)
	case time.Now().After(r.until):
		r.cancel(errReplyTooLarge)
	default:
		r.seen = received
		r.timer.Reset(replyMaxSilence)
	}
}
