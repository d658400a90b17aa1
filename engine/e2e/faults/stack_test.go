package faults

import (
	"io"
	"log/slog"
	"testing"

	"pitwall/engine/admin"
	"pitwall/engine/config"
	"pitwall/engine/e2e/e2etest"
)

// stack is an e2etest.Stack with what only these tests do with it.
type stack struct {
	*e2etest.Stack
}

// newStack enters so many devices, e2etest.Device(0) and up, in e2etest.Event.
func newStack(t *testing.T, devices int) *stack {
	t.Helper()
	return &stack{e2etest.NewStack(t, devices)}
}

// partition makes positions a table of monthly partitions, which has no month
// yet.
func (s *stack) partition() {
	s.T.Helper()
	c := config.Database{DatabaseURL: config.SecretURL(s.URL)}
	if err := admin.EnablePartitions(s.T.Context(), c, slog.New(slog.DiscardHandler), io.Discard); err != nil {
		s.T.Fatal(err)
	}
}
