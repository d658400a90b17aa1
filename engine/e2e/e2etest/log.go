package e2etest

import (
	"bytes"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Line is one record of a log.
type Line struct {
	Level   slog.Level
	Message string
	Attrs   map[string]string
}

// Lines are records of a log, in order.
type Lines []Line

// Find returns the records whose message contains the text.
func (l Lines) Find(text string) (found Lines) {
	for _, line := range l {
		if strings.Contains(line.Message, text) {
			found = append(found, line)
		}
	}
	return found
}

// ParseLog returns the records in what a slog.TextHandler wrote. Other lines, and one
// that is not complete, are left out.
func ParseLog(text string) (lines Lines) {
	for record := range strings.Lines(text) {
		rest, complete := strings.CutSuffix(record, "\n")
		if !complete || !strings.HasPrefix(rest, "time=") {
			continue
		}
		line := Line{Attrs: map[string]string{}}
		for rest != "" {
			var name, value string
			name, rest, _ = strings.Cut(rest, "=")
			if quoted, err := strconv.QuotedPrefix(rest); err == nil && quoted[0] == '"' {
				value, _ = strconv.Unquote(quoted)
				rest = strings.TrimPrefix(rest[len(quoted):], " ")
			} else {
				value, rest, _ = strings.Cut(rest, " ")
			}
			line.Attrs[name] = value
		}
		line.Message = line.Attrs["msg"]
		_ = line.Level.UnmarshalText([]byte(line.Attrs["level"])) // always one of slog's
		lines = append(lines, line)
	}
	return lines
}

// Log keeps everything that engines log. The zero value is ready to use, from any
// goroutine.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Logger returns a logger that writes to l.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write adds text.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns the whole log.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Find returns the records whose message contains the text.
func (l *Log) Find(text string) Lines { return ParseLog(l.String()).Find(text) }

// Errors returns the records of level ERROR.
func (l *Log) Errors() Lines {
	return slices.DeleteFunc(ParseLog(l.String()), func(line Line) bool { return line.Level < slog.LevelError })
}
