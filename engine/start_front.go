package engine

import (
	"context"
	"crypto/tls"
	"time"

	"pitwall/engine/config"
	"pitwall/engine/feed"
	"pitwall/engine/front"
	"pitwall/engine/live"
)

// startFront starts the live server and opens the public listener.
func (e *Engine) startFront(ctx context.Context) (err error) {
	if err := e.openAccess(ctx); err != nil {
		return err
	}
	if e.live, err = live.New(live.Options{
		Core: e.core, Writers: e.cfg.Writers, InstanceID: feed.PublicID(e.cfg.InstanceID, e.unnamed), Logger: e.log, Metrics: e.set,
		Access: e.guard, Recognize: e.guard.Recognize, Reauth: e.reauth(), Bounds: bounds(&e.cfg), TrustedProxies: e.cfg.Proxies(),
		Origins: e.origins, MaxMessageBytes: e.cfg.MaxMessageBytes,
		Heartbeat: ms(e.cfg.HeartbeatMS), WriteTimeout: ms(e.cfg.WriteTimeoutMS), RingMaxAge: ms(e.cfg.RingMaxAgeMS), NotsentLowat: e.cfg.NotsentLowat, WindowMax: ms(e.cfg.FlushMaxMS),
		Arrivals: e.arrivals,
	}); err != nil {
		return err
	}
	if e.front, err = front.New(e.frontOptions()); err != nil {
		return err
	}
	e.listing.Enable(e.guard)
	e.run("live server", e.live.Run)
	e.run("access control", e.guard.Run)
	e.run("http server", func(context.Context) error { return e.front.Serve() })
	e.run("lease watch", e.watchLease)
	return nil
}

// frontOptions are the options of the public listener.
func (e *Engine) frontOptions() front.Options {
	c := &e.cfg
	version := uint16(tls.VersionTLS13)
	if c.TLSMinVersion == "1.2" {
		version = tls.VersionTLS12
	}
	return front.Options{
		Addr: c.HTTPAddr, Live: e.live, Listing: e.listing,
		Anonymous: c.AuthAllowAnonymous, SignIn: c.AuthMode != config.AuthNone,
		Origins: e.origins, FrameAncestors: c.Embedders(), Proxies: c.Proxies(), ProxyProtocol: c.ProxyProtocol,
		TLS: front.TLSOptions{
			CertFile: c.TLSCertFile, KeyFile: c.TLSKeyFile, MinVersion: version,
			StrictTransport: time.Duration(c.TLSHSTSSeconds) * time.Second,
		},
		HeaderTimeout: ms(c.HTTPHeaderTimeoutMS), MaxHeaderBytes: c.HTTPMaxHeaderBytes, Metrics: e.set, Logger: e.log,
	}
}

// watchLease ends the live part when another process has taken the instance id:
// both would read the same consumer group, and each would miss the records that the
// other got. The archive needs no lease and goes on.
func (e *Engine) watchLease(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-e.feed.Lost():
	}
	e.log.Error("the live part ends: INSTANCE_ID is used by another process")
	limited, cancel := context.WithTimeout(ctx, ms(e.cfg.DrainMS)+stepTimeout)
	defer cancel()
	if err := e.live.Drain(limited, ms(e.cfg.DrainMS)); err != nil && ctx.Err() == nil {
		e.log.Warn("closing the connections took too long", "error", err)
	}
	<-ctx.Done()
	return nil
}
