package archive

import (
	"fmt"
	"time"

	"pitwall/engine/internal/health"
)

// condition is how the archive of one stream is. Any goroutine may use it.
type streamHealth struct {
	inserts          *health.Check // the database takes what it is given
	session          *health.Check // the stream is read
	lag              *health.Check // the lag of the table is within its bound
	letterKey        *health.Check // the dead letters can be read, and so be counted
	letterPermission *health.Check // and the login may write them
	letterWrites     *health.Check // and the server takes them
	maxLag           time.Duration // 0 for any
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

// wrote takes note of a commit.
func (c *streamHealth) insertSucceeded() { c.inserts.OK() }

// failed takes note of an insert that failed.
func (c *streamHealth) insertFailed(err error) {
	c.inserts.Fault(fmt.Errorf("the database has taken nothing: %w", err))
}

// interrupted takes note of a session that failed, went of one that goes on.
func (c *streamHealth) sessionFailed(err error) { c.session.Fault(err) }
func (c *streamHealth) sessionSucceeded()       { c.session.OK() }

// lags takes note of the lag.
func (c *streamHealth) setLag(lag time.Duration) {
	if c.maxLag > 0 && lag > c.maxLag {
		c.lag.Fault(fmt.Errorf("the lag of the table is %v, allowed is %v (ARCHIVE_READY_LAG_MS)", lag.Round(time.Millisecond), c.maxLag))
		return
	}
	c.lag.OK()
}
