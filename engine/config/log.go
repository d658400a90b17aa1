package config

import (
	"errors"
	"fmt"
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
	var errs []error
	if c.LogFormat != "text" && c.LogFormat != "json" {
		errs = append(errs, fmt.Errorf("LOG_FORMAT is %q, allowed is text or json", c.LogFormat))
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel) {
		errs = append(errs, fmt.Errorf("LOG_LEVEL is %q, allowed is debug, info, warn or error", c.LogLevel))
	}
	return errors.Join(errs...)
}

// NewLogger returns the logger that c asks for, writing to w. Control characters
// and bidirectional marks are escaped: records, servers and clients choose some of
// what is logged.
func (c Log) NewLogger(w io.Writer) *slog.Logger {
	w = plain.Writer{To: w}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo // Validate refuses it; what fails before must be logged, too
	}
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
