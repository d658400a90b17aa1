package main

import (
	"log/slog"
	"os"

	"pitwall/engine"
)

// What the commands print goes through these, so that nothing that a record, a
// server or a client said reaches a terminal as it is.
var (
	stdout = engine.Plain(os.Stdout)
	stderr = engine.Plain(os.Stderr)
)

// onTerminal reports whether somebody watches standard output.
func onTerminal() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func logger(c engine.LogConfig) *slog.Logger { return c.NewLogger(os.Stderr) }

// quiet is the logger of the commands that print what they do.
func quiet() *slog.Logger { return logger(engine.LogConfig{LogLevel: "warn"}) }
