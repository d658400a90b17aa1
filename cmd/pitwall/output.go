package main

import (
	"log/slog"
	"os"

	"pitwall/engine/admin"
	"pitwall/engine/config"
)

// What the commands print goes through these, so that nothing that a record, a
// server or a client said reaches a terminal as it is.
var (
	stdout = admin.Plain(os.Stdout)
	stderr = admin.Plain(os.Stderr)
)

// onTerminal reports whether somebody watches standard output.
func onTerminal() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func logger(c config.Log) *slog.Logger { return c.NewLogger(os.Stderr) }

// quiet is the logger of the commands that print what they do.
func quiet() *slog.Logger { return logger(config.Log{LogLevel: "warn"}) }
