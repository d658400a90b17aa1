package main

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"pitwall/engine/admin"
	"pitwall/engine/config"
)

// All output goes through these writers, so that no control characters from records,
// servers or clients reach a terminal.
var (
	stdout = admin.Plain(os.Stdout)
	stderr = admin.Plain(os.Stderr)
)

// terminal takes control sequences as they are. Who writes to it escapes the rest.
var terminal io.Writer = os.Stdout

// progressLine is where progress is shown, nil if that is no terminal. Only constant texts
// and times are written to it.
func progressLine() io.Writer {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		return os.Stderr
	}
	return nil
}

// terminalFD is the descriptor of standard output, to ask about its terminal.
func terminalFD() int { return int(os.Stdout.Fd()) }

// onTerminal reports whether standard output is a terminal.
func onTerminal() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func logger(c config.Log) *slog.Logger { return c.NewLogger(os.Stderr) }

// quiet returns a logger for commands that print their results themselves.
func quiet() *slog.Logger {
	return logger(config.Log{LogLevel: "warn", LogFormat: logFormat(os.Args[1:])})
}

// progressLog is how a command logs that it still works.
func progressLog() config.Log { return config.Log{LogLevel: "info", LogFormat: logFormat(os.Args[1:])} }

// leveled returns a logger whose level the caller may change.
func leveled(c config.Log, level *slog.LevelVar) *slog.Logger { return c.NewLoggerAt(os.Stderr, level) }
