package runner

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/internal/pause"
)

// platformTime is how long the platform takes for an answer. During a flood it is
// asked more than it can answer.
const platformTime = time.Second

// platform is asked by the engine under attack who may watch (AUTHZ_URL). It says yes
// for the spectators whose access will be withdrawn, until that happens, and no for
// all others.
type platform struct {
	server *http.Server
	url    string
	ended  chan error

	mu        sync.Mutex // guards withdrawn
	withdrawn bool
}

// withdraw withdraws access, or restores it.
func (p *platform) withdraw(withdrawn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.withdrawn = withdrawn
}

// allows reports whether a user may watch.
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

// ServeHTTP answers a question of the engine.
func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if pause.For(r.Context(), platformTime) != nil {
		return // the engine waits no longer
	}
	if p.allows(r.FormValue("user")) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.WriteHeader(http.StatusForbidden)
}

// close stops the platform. p is nil in a run without attacks.
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
