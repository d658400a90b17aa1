package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// faultLine is one record of the log.
type faultLine struct {
	level slog.Level
	msg   string
	attrs map[string]string
}

// faultLog is a slog.Handler that keeps everything.
type faultLog struct {
	mu    sync.Mutex
	lines []faultLine
	with  []slog.Attr
	root  *faultLog // where lines are kept; nil for the root itself
}

func (l *faultLog) Enabled(context.Context, slog.Level) bool { return true }

func (l *faultLog) Handle(_ context.Context, r slog.Record) error {
	line := faultLine{level: r.Level, msg: r.Message, attrs: map[string]string{}}
	for _, a := range l.with {
		line.attrs[a.Key] = a.Value.String()
	}
	r.Attrs(func(a slog.Attr) bool {
		line.attrs[a.Key] = a.Value.String()
		return true
	})
	l.add(line)
	return nil
}

func (l *faultLog) add(line faultLine) {
	if l.root != nil {
		l = l.root
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *faultLog) WithAttrs(a []slog.Attr) slog.Handler {
	root := l
	if l.root != nil {
		root = l.root
	}
	return &faultLog{root: root, with: append(append([]slog.Attr(nil), l.with...), a...)}
}

func (l *faultLog) WithGroup(string) slog.Handler { return l } // nothing of ours groups

// find returns the lines whose message contains the text.
func (l *faultLog) find(text string) []faultLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []faultLine
	for _, line := range l.lines {
		if strings.Contains(line.msg, text) {
			found = append(found, line)
		}
	}
	return found
}

func (l *faultLog) String() string {
	var b strings.Builder
	for _, line := range l.find("") {
		fmt.Fprintln(&b, line.level, line.msg, line.attrs)
	}
	return b.String()
}
