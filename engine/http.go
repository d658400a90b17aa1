package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"pitwall/engine/viewer"
	"pitwall/shard"
)

// httpServer is the public listener: the page, and the live server's /live.
type httpServer struct {
	server   *http.Server
	listener net.Listener
}

func listenHTTP(addr string, live http.Handler, core *shard.Core, log *slog.Logger) (*httpServer, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for spectators (HTTP_ADDR): %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/live", live)
	mux.Handle("/", viewer.Handler(eventList{core}))
	return &httpServer{listener: l, server: &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what scanners send is no event
	}}, nil
}

func (s *httpServer) addr() string { return s.listener.Addr().String() }

func (s *httpServer) serve() error {
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve spectators: %w", err)
	}
	return nil
}

func (s *httpServer) shutdown(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	if cerr := s.listener.Close(); cerr != nil && !errors.Is(cerr, net.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	return err
}

// eventList is the map in force, as the page wants it.
type eventList struct{ core *shard.Core }

// Events implements viewer.Source.
func (l eventList) Events() []viewer.Event {
	infos := l.core.Snapshot().Events()
	list := make([]viewer.Event, len(infos))
	for i, e := range infos {
		list[i] = viewer.Event{ID: e.ID, Devices: e.Devices}
	}
	return list
}
