package health

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Never is the grace of a check whose faults are shown but never count against
// readiness.
const Never time.Duration = -1

// State of a part, as /readyz?verbose shows it.
type State string

// The states of a part. Degraded is a fault that does not count against readiness, or
// not yet.
const (
	OK       State = "ok"
	Degraded State = "degraded"
	Failed   State = "failed"
)

// Status is the state of one part.
type Status struct {
	Part   string    `json:"part"`
	State  State     `json:"state"`
	Since  time.Time `json:"since"` // start of the oldest fault, or of the time without one
	Reason string    `json:"reason,omitempty"`
}

// Registry holds the checks of one process.
type Registry struct {
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex // guards checks, and the fields of each check
	checks []*Check
}

// New returns a registry without parts. It logs changes of state to log.
func New(log *slog.Logger) *Registry { return &Registry{log: log, now: time.Now} }

// Check adds a check to a part. grace is how long a fault may last before it counts
// against readiness: with 0 it counts at once, with Never it does not count. Checks
// with the same name belong to the same part.
func (r *Registry) Check(part string, grace time.Duration) *Check {
	c := &Check{registry: r, part: part, grace: grace, since: r.now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, c)
	return c
}

// Parts returns all parts in the order in which they were added.
func (r *Registry) Parts() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	var list []Status
	index := map[string]int{}
	for _, c := range r.checks {
		s := c.status(now)
		if i, known := index[c.part]; known {
			list[i] = merge(list[i], s)
			continue
		}
		index[c.part] = len(list)
		list = append(list, s)
	}
	return list
}

// merge combines the states of two checks of one part.
func merge(a, b Status) Status {
	switch {
	case b.State == OK && (a.State != OK || a.Since.After(b.Since)):
		return a
	case a.State == OK:
		return b
	}
	if b.Since.Before(a.Since) {
		a.Since = b.Since
	}
	if b.State == Failed {
		a.State = Failed
	}
	if a.Reason != b.Reason {
		a.Reason += "; " + b.Reason
	}
	return a
}

// Ready returns nil, or an error that names each failed part and its reason.
func (r *Registry) Ready() error {
	var failed []string
	for _, s := range r.Parts() {
		if s.State == Failed {
			failed = append(failed, fmt.Sprintf("%s: %s, for %v", s.Part, s.Reason, r.now().Sub(s.Since).Round(time.Second)))
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return errors.New(strings.Join(failed, "; "))
}
