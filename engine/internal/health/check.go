package health

import (
	"time"

	"pitwall/engine/internal/pace"
)

// Check is one thing that may be wrong with a part. Its methods may be called by
// any goroutine. A nil Check takes no note of anything.
type Check struct {
	registry *Registry
	part     string
	grace    time.Duration

	// The registry's mutex guards what follows.
	bad    bool
	since  time.Time // of the fault, or of the last recovery
	reason string
	limit  pace.LogLimiter // of new faults in the log
	logged bool            // the fault was logged, so its end is logged as well
}

// Report is Fault for an error, and OK for nil.
func (c *Check) Report(err error) {
	if err != nil {
		c.Fault(err)
		return
	}
	c.OK()
}

// Fault says what is wrong. A fault that lasts keeps the time of its beginning
// and takes the newest reason.
func (c *Check) Fault(reason error) {
	if c == nil {
		return
	}
	r := c.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	c.reason = reason.Error()
	if c.bad {
		return
	}
	now := r.now()
	c.bad, c.since = true, now
	n, ok := c.limit.Allow(now)
	if c.logged = ok; ok {
		r.log.Warn("part has a fault", "part", c.part, "reason", c.reason, "times", n)
	}
}

// OK says that it is well.
func (c *Check) OK() {
	if c == nil {
		return
	}
	r := c.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if !c.bad {
		return
	}
	now := r.now()
	if c.logged {
		r.log.Info("part has recovered", "part", c.part, "after", now.Sub(c.since).Round(time.Millisecond), "reason", c.reason)
	}
	c.bad, c.since, c.reason, c.logged = false, now, "", false
}

// status is called with the registry's mutex held.
func (c *Check) status(now time.Time) Status {
	s := Status{Part: c.part, State: OK, Since: c.since, Reason: c.reason}
	switch {
	case !c.bad:
	case c.grace != Never && now.Sub(c.since) >= c.grace:
		s.State = Failed
	default:
		s.State = Degraded
	}
	return s
}
