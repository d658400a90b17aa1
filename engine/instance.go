package engine

import (
	"context"
	"log/slog"
)

// instanceHandler adds the name of the instance to every record, after its own
// attributes, so that the logs of several processes can be told apart.
type instanceHandler struct {
	slog.Handler
	instance slog.Attr
}

// withInstance returns a logger that adds the key instance to every record.
func withInstance(log *slog.Logger, id string) *slog.Logger {
	return slog.New(instanceHandler{log.Handler(), slog.String("instance", id)})
}

// Handle writes a record.
func (h instanceHandler) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(h.instance)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler with more attributes.
func (h instanceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return instanceHandler{h.Handler.WithAttrs(attrs), h.instance}
}

// WithGroup returns a handler for a group. The instance stays outside of the group.
func (h instanceHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.Handler.WithAttrs([]slog.Attr{h.instance}).WithGroup(name)
}
