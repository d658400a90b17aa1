package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"pitwall/bench/siege"
)

// platformTime is how long the platform thinks about a question: so long that
// the questions of a flood are more than it can answer.
const platformTime = 150 * time.Millisecond

// platform is what the engine under siege asks who may watch (AUTHZ_URL): yes
// for the spectator who will be withdrawn, until then; no for strangers.
type platform struct {
	server    *http.Server
	url       string
	withdrawn atomic.Bool
	ended     chan error
}

func startPlatform() (*platform, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	p := &platform{url: "http://" + l.Addr().String() + "/", ended: make(chan error, 1)}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { p.ended <- p.server.Serve(l) }()
	return p, nil
}

// ServeHTTP answers a question.
func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if pause(r.Context(), platformTime) != nil {
		return // nobody waits any more
	}
	if r.FormValue("user") == siege.Leaver && !p.withdrawn.Load() {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.WriteHeader(http.StatusForbidden)
}

// close ends the platform. That of no siege is nil.
func (p *platform) close() error {
	if p == nil {
		return nil
	}
	err := p.server.Close()
	if ended := <-p.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// pauseUntil waits for a channel, or until ctx ends.
func pauseUntil[T any](ctx context.Context, c <-chan T) (v T, err error) {
	select {
	case v = <-c:
		return v, nil
	case <-ctx.Done():
		return v, ctx.Err()
	}
}
