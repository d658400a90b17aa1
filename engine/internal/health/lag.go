package health

import (
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Lag is the age of the oldest entry of a backlog. While it cannot be measured it
// grows with time, because the backlog waits. Any goroutine may use it.
type Lag struct {
	gauge *metrics.Gauge
	now   func() time.Time

	mu   sync.Mutex
	last time.Duration // the last measurement
	at   time.Time     // of the last measurement
}

// NewLag returns a lag of 0. gauge shows it in ms.
func NewLag(gauge *metrics.Gauge) *Lag { return &Lag{gauge: gauge, now: time.Now, at: time.Now()} }

// Measured records a measurement.
func (l *Lag) Measured(lag time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.at = lag, l.now()
	l.gauge.Set(float64(lag.Milliseconds()))
}

// Missed records that a measurement failed. It returns the last measurement plus the
// time since then.
func (l *Lag) Missed() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	lag := l.last + l.now().Sub(l.at)
	l.gauge.Set(float64(lag.Milliseconds()))
	return lag
}
