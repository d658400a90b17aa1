package config

import (
	"errors"
	"io"
	"log/slog"
	"slices"

	"pitwall/engine/internal/plain"
)

// Log says how to log.
type Log struct {
	LogFormat string `name:"log-format" env:"LOG_FORMAT" default:"text" help:"text or json."`
	LogLevel  string `name:"log-level" env:"LOG_LEVEL" default:"info" help:"debug, info, warn or error."`
}

func (c Log) validate() error {
	return errors.Join(
		refuseIf(c.LogFormat != "text" && c.LogFormat != "json", "LOG_FORMAT is %q, allowed is text or json", c.LogFormat),
		refuseIf(!slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel), "LOG_LEVEL is %q, allowed is debug, info, warn or error", c.LogLevel))
}

// NewLogger returns the logger that c describes. It writes to w, with control
// characters and bidirectional marks escaped, because some of what is logged comes
// from records, servers and clients.
func (c Log) NewLogger(w io.Writer) *slog.Logger {
	w = plain.Writer{To: w}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo // Validate refuses it, but errors before that must be logged
	}
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
