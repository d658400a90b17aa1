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
	LogFormat string `name:"log-format" env:"LOG_FORMAT" default:"text" values:"text,json" help:"text or json."`
	LogLevel  string `name:"log-level" env:"LOG_LEVEL" default:"info" values:"debug,info,warn,error" help:"debug, info, warn or error."`
}

func (c Log) validate() error {
	return errors.Join(
		refuseIf(c.LogFormat != "text" && c.LogFormat != "json", "LOG_FORMAT is %q, allowed is text or json", c.LogFormat),
		refuseIf(!slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel), "LOG_LEVEL is %q, allowed is debug, info, warn or error", c.LogLevel))
}

// NewLogger returns the logger that c describes. It writes to w, with control
// characters and bidirectional marks escaped, because some of what is logged comes
// from records, servers and clients.
func (c Log) NewLogger(w io.Writer) *slog.Logger { return c.NewLoggerAt(w, c.Level()) }

// NewLoggerAt returns the same logger with a level of the caller, who may change it.
func (c Log) NewLoggerAt(w io.Writer, level slog.Leveler) *slog.Logger {
	w = plain.Writer{To: w}
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		o.ReplaceAttr = withUnit
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// Level returns LOG_LEVEL, or info if it is invalid: Validate refuses that, but errors
// before must be logged.
func (c Log) Level() (level slog.Level) {
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return slog.LevelInfo
	}
	return level
}

// withUnit writes a duration as text, such as 1.5s, as the text format does. Without it
// JSON has a bare number of nanoseconds.
func withUnit(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}
