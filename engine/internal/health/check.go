package health

import (
	"time"

	"pitwall/engine/internal/pace"
)

// Check is the state of one possible fault of a part. Any goroutine may call its
// methods. A nil Check ignores all reports.
type Check struct {
	registry *Registry
	part     string
	grace    time.Duration

	// The registry's mutex guards the fields below.
	bad    bool
	since  time.Time // start of the fault, or of the time without one
	reason string
	limit  pace.LogLimiter // for new faults
	logged bool            // the fault was logged, so its recovery is logged as well
}

// Report calls Fault for an error, and OK for nil.
func (c *Check) Report(err error) {
	if err != nil {
		c.Fault(err)
		return
	}
	c.OK()
}

// Fault reports a fault. While it lasts, further calls update only its reason.
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

// OK reports that there is no fault, or that it is over.
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

// status returns the state now. The caller holds the registry's mutex.
func (c *Check) status(now time.Time) Status {
	state := OK
	switch {
	case c.bad && c.grace != Never && now.Sub(c.since) >= c.grace:
		state = Failed
	case c.bad:
		state = Degraded
	}
	return Status{Part: c.part, State: state, Since: c.since, Reason: c.reason}
}
