package runner

import (
	"fmt"
	"io"
	"sync"
	"time"

	"pitwall/bench/report"
)

// progress writes the phases and samples of a run to a terminal. Any goroutine may use
// it.
type progress struct {
	mu     sync.Mutex // guards w
	w      io.Writer
	prefix string
}

// NewProgress returns a function that shows what begins, and how long it takes, 0 if
// that is not known. Any goroutine may call it.
func NewProgress(w io.Writer) func(what string, d time.Duration) {
	return (&progress{w: w}).phase
}

// phase shows what begins, and how long it takes, 0 if that is not known.
func (p *progress) phase(what string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	long := ""
	if d > 0 {
		long = fmt.Sprintf(" (%v)", d)
	}
	fmt.Fprintf(p.w, "%s %s%s%s\n", time.Now().Format(time.TimeOnly), p.prefix, what, long)
}

// sample shows a sample.
func (p *progress) sample(x report.Sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, "%s   %4.0f s  %s records/s  %s deliveries/s  p50 %s  p99 %s ms",
		time.Now().Format(time.TimeOnly), x.T, report.Number(x.Records), report.Number(x.Deliveries), report.Number(x.P50), report.Number(x.P99))
	if x.RSS > 0 { // its process is known
		fmt.Fprintf(p.w, "  engine %.2f+%.2f cores  %.0f MB", x.User, x.Sys, x.RSS)
	}
	if x.Connections > 0 { // its private listener is known
		fmt.Fprintf(p.w, "  %.0f connections", x.Connections)
	}
	fmt.Fprintln(p.w)
}
