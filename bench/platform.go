package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"pitwall/bench/attack"
)

// platformTime is how long the platform thinks about a question: so long that
// the questions of a flood are more than it can answer.
const platformTime = time.Second

// platform is what the engine under siege asks who may watch (AUTHZ_URL): yes
// for the spectators who will be withdrawn, until then; no for strangers.
type platform struct {
	server *http.Server
	url    string
	ended  chan error

	mu        sync.Mutex
	withdrawn bool
}

// withdraw says whether the spectators who are to be withdrawn are so from now on.
func (p *platform) withdraw(now bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.withdrawn = now
}

// allows is the answer about a user.
func (p *platform) allows(user string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.HasPrefix(user, attack.Leaver) && !p.withdrawn
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
	if p.allows(r.FormValue("user")) {
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
