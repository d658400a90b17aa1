package archive

import (
	"fmt"
	"time"

	"pitwall/engine/internal/health"
)

// condition is how the archive of one stream is. Any goroutine may use it.
type condition struct {
	inserts *health.Check // the database takes what it is given
	session *health.Check // the stream is read
	lag     *health.Check // the lag of the table is within its bound
	letters *health.Check // the dead letters can be read, and so be counted
	rights  *health.Check // and the login may write them
	buried  *health.Check // and the server takes them
	maxLag  time.Duration // 0 for any
}

func newCondition(o *Options, stream string) *condition {
	archive, letters := "archive "+stream, "dead letters "+stream
	grace, atOnce := o.ReadyFault, time.Duration(0)
	if grace == 0 {
		grace, atOnce = health.Never, health.Never
	}
	return &condition{
		inserts: o.Health.Check(archive, grace),
		session: o.Health.Check(archive, grace),
		lag:     o.Health.Check(archive, 0),
		letters: o.Health.Check(letters, atOnce),
		rights:  o.Health.Check(letters, atOnce),
		buried:  o.Health.Check(letters, atOnce),
		maxLag:  o.ReadyLag,
	}
}

// wrote takes note of a commit.
func (c *condition) wrote() { c.inserts.OK() }

// failed takes note of an insert that failed.
func (c *condition) failed(err error) {
	c.inserts.Fault(fmt.Errorf("the database has taken nothing: %w", err))
}

// interrupted takes note of a session that failed, went of one that goes on.
func (c *condition) interrupted(err error) { c.session.Fault(err) }
func (c *condition) went()                 { c.session.OK() }

// lags takes note of the lag.
func (c *condition) lags(lag time.Duration) {
	if c.maxLag > 0 && lag > c.maxLag {
		c.lag.Fault(fmt.Errorf("the lag of the table is %v, allowed is %v (ARCHIVE_READY_LAG_MS)", lag.Round(time.Millisecond), c.maxLag))
		return
	}
	c.lag.OK()
}
