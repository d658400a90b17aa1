package main

import (
	"context"
	"log/slog"
	"os"

	"pitwall/engine"
)

// reloader reads the settings again when SIGHUP arrives.
type reloader struct {
	args   []string
	engine *engine.Engine
	log    *slog.Logger
	level  *slog.LevelVar
}

// follow reloads on each signal, one after the other, until ctx ends. A signal that
// arrives before the engine is ready waits for it.
func (r *reloader) follow(ctx context.Context, hangups <-chan os.Signal) {
	select {
	case <-r.engine.Ready():
	case <-ctx.Done():
		return
	}
	for {
		select {
		case <-hangups:
			r.reload()
		case <-ctx.Done():
			return
		}
	}
}

// reload puts the new settings in force. If one is wrong, all stay as they are.
func (r *reloader) reload() {
	c, _, err := parseArgs(r.args)
	if err == nil {
		err = r.engine.Reload(c.Serve.Config)
	}
	if err != nil {
		r.log.Error("the settings could not be reloaded; what is in force stays", "error", err)
		return
	}
	r.level.Set(c.Serve.Level())
}
