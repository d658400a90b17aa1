package archive

import (
	"fmt"
	"time"

	"pitwall/engine/internal/health"
)

// streamHealth reports the health of one stream's archive. Any goroutine may use
// it.
type streamHealth struct {
	inserts          *health.Check // the database accepts inserts
	session          *health.Check // the stream is read
	lag              *health.Check // the lag of the table is within its bound
	letterKey        *health.Check // the key of the dead letters is a stream
	letterPermission *health.Check // the login may write dead letters
	letterWrites     *health.Check // the server accepts dead letters
	maxLag           time.Duration // 0: no limit
}

func newStreamHealth(o *Options, stream string) *streamHealth {
	archive, letters := "archive "+stream, "dead letters "+stream
	grace, atOnce := o.ReadyFault, time.Duration(0)
	if grace == 0 {
		grace, atOnce = health.Never, health.Never
	}
	return &streamHealth{
		inserts:          o.Health.Check(archive, grace),
		session:          o.Health.Check(archive, grace),
		lag:              o.Health.Check(archive, 0),
		letterKey:        o.Health.Check(letters, atOnce),
		letterPermission: o.Health.Check(letters, atOnce),
		letterWrites:     o.Health.Check(letters, atOnce),
		maxLag:           o.ReadyLag,
	}
}

// insertSucceeded records a commit.
func (c *streamHealth) insertSucceeded() { c.inserts.OK() }

// insertFailed records a failed insert.
func (c *streamHealth) insertFailed(err error) {
	c.inserts.Fault(fmt.Errorf("the database has not accepted an insert: %w", err))
}

// sessionFailed and sessionSucceeded record whether the stream is read.
func (c *streamHealth) sessionFailed(err error) { c.session.Fault(err) }
func (c *streamHealth) sessionSucceeded()       { c.session.OK() }

// setLag compares the lag with its bound.
func (c *streamHealth) setLag(lag time.Duration) {
	if c.maxLag > 0 && lag > c.maxLag {
		c.lag.Fault(fmt.Errorf("the lag of the table is %v, allowed is %v (ARCHIVE_READY_LAG_MS)", lag.Round(time.Millisecond), c.maxLag))
		return
	}
	c.lag.OK()
}
