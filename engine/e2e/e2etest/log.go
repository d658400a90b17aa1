package e2etest

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync"
)

// Line is one record of a log.
type Line struct {
	Level   slog.Level
	Message string
	Attrs   map[string]string
}

// Log keeps everything that engines log, as text and as records. The zero value
// is ready to use, from any goroutine.
type Log struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines []Line
}

// Logger returns a logger that writes to l.
func (l *Log) Logger() *slog.Logger {
	text := slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})
	return slog.New(&logHandler{Handler: text, log: l})
}

// Write adds text that is not a record.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// Add adds a record that is already part of the text.
func (l *Log) Add(line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// String returns the whole log as text.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Find returns the records whose message contains the text.
func (l *Log) Find(text string) []Line {
	return l.filter(func(line Line) bool { return strings.Contains(line.Message, text) })
}

// Errors returns the records of level ERROR.
func (l *Log) Errors() []Line {
	return l.filter(func(line Line) bool { return line.Level >= slog.LevelError })
}

func (l *Log) filter(keep func(Line) bool) []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Line
	for _, line := range l.lines {
		if keep(line) {
			found = append(found, line)
		}
	}
	return found
}

// logHandler writes each record as text, and keeps it. Groups are not kept
// apart: the engine uses none.
type logHandler struct {
	slog.Handler // of the text
	log          *Log
	attrs        map[string]string // of loggers made by With; never changed
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	line := Line{Level: r.Level, Message: r.Message, Attrs: maps.Clone(h.attrs)}
	if line.Attrs == nil {
		line.Attrs = map[string]string{}
	}
	r.Attrs(func(a slog.Attr) bool {
		line.Attrs[a.Key] = a.Value.String()
		return true
	})
	h.log.Add(line)
	return h.Handler.Handle(ctx, r)
}

func (h *logHandler) WithAttrs(list []slog.Attr) slog.Handler {
	attrs := map[string]string{}
	maps.Copy(attrs, h.attrs)
	for _, a := range list {
		attrs[a.Key] = a.Value.String()
	}
	return &logHandler{h.Handler.WithAttrs(list), h.log, attrs}
}
