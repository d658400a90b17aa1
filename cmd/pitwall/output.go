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
// servers or clients reach a terminal, and so that nothing is written into the line that
// shows progress.
var (
	stdout io.Writer = beside{line, admin.Plain(os.Stdout)}
	stderr io.Writer = beside{line, admin.Plain(os.Stderr)}
)

// line shows the progress of a command, if standard error is a terminal. Only constant
// texts and times are written to it.
var line = newProgressLine()

func newProgressLine() *progressLine {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		return &progressLine{terminal: os.Stderr}
	}
	return &progressLine{}
}

// terminal takes control sequences as they are. Who writes to it escapes the rest.
var terminal io.Writer = os.Stdout

// terminalFD is the descriptor of standard output, to ask about its terminal.
func terminalFD() int { return int(os.Stdout.Fd()) }

// onTerminal reports whether standard output is a terminal.
func onTerminal() bool { return term.IsTerminal(terminalFD()) }

func logger(c config.Log) *slog.Logger { return c.NewLogger(os.Stderr) }

// commandLogger returns a logger for a command that is not serve.
func commandLogger(level string) *slog.Logger {
	return logger(config.Log{LogLevel: level, LogFormat: logFormat(os.Args[1:])})
}

// quiet returns a logger for commands that print their results themselves.
func quiet() *slog.Logger { return commandLogger("warn") }

// leveled returns a logger whose level the caller may change.
func leveled(c config.Log, level *slog.LevelVar) *slog.Logger { return c.NewLoggerAt(os.Stderr, level) }
