package engine

import (
	"io"
	"log/slog"

	"pitwall/engine/internal/plain"
)

// Plain returns a writer that passes lines on to w with control characters and
// bidirectional marks escaped. What commands print goes through it.
func Plain(w io.Writer) io.Writer { return plain.Writer{To: w} }

// NewLogger returns the logger that c asks for, writing to w.
func (c LogConfig) NewLogger(w io.Writer) *slog.Logger {
	w = Plain(w)
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo // Validate refuses it; until then something must be logged
	}
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
