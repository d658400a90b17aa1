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

// showsAll are flags with which a spectator gets every position, however busy the
// machine is.
var showsAll = []string{"--live-device-rate=0", "--live-ring-max-age-ms=0", "--live-ring-bytes=16777216", "--live-ring-slots=65536"}

// wantReady waits until /readyz answers 200.
func (s *stack) wantReady(a e2etest.Addrs) {
	s.T.Helper()
	s.Eventually("readiness", func() bool { status, _ := a.Get(s.T, "/readyz"); return status == 200 })
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
