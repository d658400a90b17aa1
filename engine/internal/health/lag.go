package health

import (
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Lag is a lag in ms. While it cannot be measured it keeps growing with time, because
// the backlog keeps waiting. Any goroutine may use it.
type Lag struct {
	gauge *metrics.Gauge
	now   func() time.Time

	mu   sync.Mutex
	last time.Duration // as it was measured
	at   time.Time     // when
}

// NewLag returns a lag of 0 that is shown by gauge.
func NewLag(gauge *metrics.Gauge) *Lag { return &Lag{gauge: gauge, now: time.Now, at: time.Now()} }

// Measured takes a measurement and shows it.
func (l *Lag) Measured(lag time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.at = lag, l.now()
	l.gauge.Set(float64(lag.Milliseconds()))
}

// Missed says that a measurement failed. It shows and returns the last one plus
// the time since.
func (l *Lag) Missed() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	lag := l.last + l.now().Sub(l.at)
	l.gauge.Set(float64(lag.Milliseconds()))
	return lag
}
