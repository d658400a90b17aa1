package live

import (
	"log/slog"
	"time"

	"pitwall/engine/internal/pace"
)

// faultLog logs a repeating fault once per pace.FaultEvery, with the number of times.
// Any goroutine may use it.
type faultLog struct {
	log   *slog.Logger
	limit pace.LogLimiter
}

func (l *faultLog) warn(what string, err error) {
	if n, ok := l.limit.Allow(time.Now()); ok {
		l.log.Warn(what, "error", err, "times", n)
	}
}
