package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"
)

// Reader reads one stream for one consumer on a connection of its own. Its commands
// use that connection too, so they reach the server that it reads from. One
// goroutine at a time uses it.
type Reader struct {
	commands   // on conn
	c          *Client
	opt        ReadOptions
	count      AdaptiveCount           // entries of a read, opt.Count at most
	conn       rueidis.DedicatedClient // nil until the next command or Read
	link       *link                   // under conn, nil where unknown
	at, nextAt destination             // on a Cluster: where conn leads, and where the next conn leads if that is known
	id         int64                   // the server's id of conn, 0 where unknown
	lost       []lostConn              // connections closed on our side, not yet killed on the server
	gotAll     bool                    // see Emptied
}

// lostConn is the server's id of a connection that was closed after an error, and on
// a Cluster its node.
type lostConn struct {
	id   int64
	node *node
}

// NewReader returns a reader. It connects when it is first used; on a Cluster, to
// the node that owns the stream's slot at that time. The caller calls Close.
func (c *Client) NewReader(o ReadOptions) *Reader {
	r := &Reader{c: c, opt: o, count: NewAdaptiveCount(o.Count)}
	r.run, r.fixedRunID = r.doOwn, c.fixedRunID
	if c.nodes != nil {
		r.streamKey = o.Stream
	}
	return r
}

// Read waits for entries and returns them in the memory of dst, see [Entry]. It
// returns dst[:0] and no error when no entry arrives within Block. It returns soon
// after ctx ends. After a read whose reply did not arrive it asks for fewer entries,
// see [AdaptiveCount].
//
// The connection is closed after an error other than an error reply, after the
// refusal of a server that became a replica, and when the stream's slot has moved.
// The group may then have moved past entries that nobody received: call Fence and
// Place before the next Read.
func (r *Reader) Read(ctx context.Context, dst []Entry) ([]Entry, error) {
	if err := r.connect(ctx); err != nil {
		return clearEntries(dst), err
	}
	r.opt.Count = r.count.Count()
	r.gotAll = false
	dst, err := runRead(ctx, r.conn, r.link, &r.opt, dst)
	r.gotAll = err == nil && len(dst) < r.opt.Count
	if IsConnection(err) && !isRedirected(err) {
		r.count.Failed(err)
	}
	r.count.Succeeded(dst)
	r.dropAfter(err)
	return dst, err
}

// ReadGroup runs one XREADGROUP with options o on the connection of r. Callers keep
// an [AdaptiveCount] of their own.
func (r *Reader) ReadGroup(ctx context.Context, o ReadOptions, dst []Entry) ([]Entry, error) {
	if err := r.connect(ctx); err != nil {
		return clearEntries(dst), err
	}
	dst, err := runRead(ctx, r.conn, r.link, &o, dst)
	r.dropAfter(err)
	return dst, err
}

// Emptied reports whether the last Read returned everything that the stream held.
func (r *Reader) Emptied() bool { return r.gotAll }

// doOwn runs one command that does not block on the connection of r. On a Cluster
// the key must be in the slot of the stream.
func (r *Reader) doOwn(ctx context.Context, what string, _ onKey, args ...string) (rueidis.RedisMessage, error) {
	if err := r.connect(ctx); err != nil {
		return rueidis.RedisMessage{}, err
	}
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	m, err := r.conn.Do(limited, r.conn.B().Arbitrary(args...).Build()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		missingDuringMove := r.missingDuringMove(err)
		r.dropAfter(err)
		if missingDuringMove {
			err = errMissingDuringMove
		}
		return m, wrapError(ctx, commandTimeout, what, err)
	}
	return m, nil
}

// Place moves the group so that its next entry is the first one after at. It
// creates group and stream when they do not exist.
func (r *Reader) Place(ctx context.Context, at ID) error {
	err := r.SetGroupID(ctx, r.opt.Stream, r.opt.Group, at)
	if !IsNoGroup(err) {
		return err
	}
	created, err := r.CreateGroup(ctx, r.opt.Stream, r.opt.Group, at)
	if err == nil && !created {
		err = fmt.Errorf("group %s on stream %s was created and destroyed meanwhile", r.opt.Group, r.opt.Stream)
	}
	return err
}

// connect opens a connection unless there is one, sets its name, and asks for its id
// where Fence will need it. If the server refuses one of these, the reader does
// without it.
func (r *Reader) connect(ctx context.Context) error {
	if r.conn != nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	if err := r.dedicate(limited); err != nil {
		return wrapError(ctx, commandTimeout, "connect to read stream "+r.opt.Stream, err)
	}
	r.id = 0
	if r.opt.Name != "" {
		err := r.conn.Do(limited, r.conn.B().Arbitrary("CLIENT", "SETNAME", connName(r.opt.Name)).Build()).Error()
		if err := r.checkSetup(ctx, err); err != nil {
			return err
		}
	}
	if !r.opt.NoAck { // Fence is not needed: unacknowledged entries stay pending
		return nil
	}
	id, err := r.conn.Do(limited, r.conn.B().Arbitrary("CLIENT", "ID").Build()).ToInt64()
	if err == nil {
		r.id = id
	}
	return r.checkSetup(ctx, err)
}

// dedicate opens a connection to the server that holds the stream.
func (r *Reader) dedicate(ctx context.Context) (err error) {
	if r.c.nodes == nil {
		r.conn, r.link, err = r.c.connFinder.dedicate(ctx, r.c.rdb)
		return err
	}
	at := r.nextAt
	r.nextAt = destination{}
	if at.node == nil {
		n, err := r.c.nodes.owner(ctx, slotOf(r.opt.Stream))
		if err != nil {
			return err
		}
		at.node = n
	}
	conn, link, err := at.node.dedicate(ctx)
	if err != nil {
		return err
	}
	r.at, r.conn, r.link = at, conn, link
	if at.asking {
		r.conn = asking{r.conn}
	}
	return nil
}

// checkSetup closes the connection after an error other than an error reply.
func (r *Reader) checkSetup(ctx context.Context, err error) error {
	if err == nil || IsRefused(err) {
		return nil
	}
	r.dropAfter(err)
	return wrapError(ctx, commandTimeout, "connect to read stream "+r.opt.Stream, err)
}

// maxLost bounds the connections that are remembered for Fence. Beyond it the oldest
// is forgotten, which was closed on our side long ago.
const maxLost = 16

// dropAfter closes the connection after an error that makes it unusable: any error
// but an error reply, and the error reply of a replica. On a Cluster it records where
// the stream has moved to.
func (r *Reader) dropAfter(err error) {
	if err == nil || IsRefused(err) && !isReadOnly(err) && !r.missingDuringMove(err) {
		return
	}
	if r.c.nodes != nil && r.conn != nil {
		r.nextAt, _ = r.c.nodes.redirect(slotOf(r.opt.Stream), r.at, err)
	}
	r.drop()
}

// errMissingDuringMove is the error of a command for which missingDuringMove holds.
var errMissingDuringMove = errors.New("the stream is not on the node that its slot is being moved to")

// missingDuringMove reports whether err says that there is no stream or group on the
// node that the slot is being moved to. The slot may have been moved back, so its
// owner has to be looked up again. Otherwise a second stream would be created.
func (r *Reader) missingDuringMove(err error) bool { return r.at.asking && IsNoGroup(err) }

// drop closes the connection and remembers its id for Fence.
func (r *Reader) drop() {
	if r.conn == nil {
		return
	}
	if r.id != 0 {
		r.lost = append(r.lost[max(0, len(r.lost)-maxLost+1):], lostConn{r.id, r.at.node})
	}
	r.conn.Close()
	r.conn, r.at, r.id = nil, destination{}, 0
}

// Fence makes sure that no read on a closed connection can still be served. The
// server may not have noticed the close, because it was suspended or the network lost
// the packet. It would then move the group with a reply that nobody receives.
//
// A server process never uses a connection id twice. On another process the id may
// be that of another client, so Fence forgets all ids when sameServer is false; the
// old reads ended with the old process. A node of a Cluster that lost the slot serves
// no reads on it, so its ids are forgotten as well. On a server without CLIENT KILL,
// Fence has no effect.
func (r *Reader) Fence(ctx context.Context, sameServer bool) error {
	if !sameServer {
		r.lost = r.lost[:0]
	}
	for len(r.lost) > 0 {
		if err := r.connect(ctx); err != nil {
			return err
		}
		if lost := r.lost[0]; lost.node == r.at.node {
			_, err := r.run(ctx, "close a lost connection", onKey{r.opt.Stream}, "CLIENT", "KILL", "ID", strconv.FormatInt(lost.id, 10))
			if err != nil && !IsRefused(err) {
				return err
			}
		}
		r.lost = r.lost[1:]
	}
	return nil
}

// Close closes the connection. Call it on the goroutine that reads, or after that has
// ended.
func (r *Reader) Close() { r.drop() }
