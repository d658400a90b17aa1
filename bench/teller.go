package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"pitwall/bench/report"
)

// teller shows on a terminal what phase a run is in and how it goes. Any
// goroutine may use it.
type teller struct {
	mu     sync.Mutex // guards w
	w      io.Writer
	prefix string
}

// phase says what begins, and how long it takes if that is known.
func (t *teller) phase(what string, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	long := ""
	if d > 0 {
		long = fmt.Sprintf(" (%v)", d)
	}
	fmt.Fprintf(t.w, "%s %s%s%s\n", time.Now().Format(time.TimeOnly), t.prefix, what, long)
}

// sample shows a second.
func (t *teller) sample(x report.Sample) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%s   %4.0f s  %s records/s  %s deliveries/s  p50 %s  p99 %s ms",
		time.Now().Format(time.TimeOnly), x.T, report.Number(x.Records), report.Number(x.Deliveries), report.Number(x.P50), report.Number(x.P99))
	if x.RSS > 0 { // its process is known
		fmt.Fprintf(t.w, "  engine %.2f+%.2f cores  %.0f MB", x.User, x.Sys, x.RSS)
	}
	if x.Connections > 0 { // its private listener is known
		fmt.Fprintf(t.w, "  %.0f connections", x.Connections)
	}
	fmt.Fprintln(t.w)
}
