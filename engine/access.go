package engine

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"pitwall/engine/access"
	"pitwall/engine/config"
	"pitwall/engine/live"
)

// openAccess makes the guard, and loads its keys and lists.
func (e *Engine) openAccess(ctx context.Context) error {
	c := &e.cfg
	keys, err := c.ReadKeys()
	if err != nil {
		return err
	}
	open := c.AuthMode == config.AuthNone && len(c.AuthzMode) == 0 // everybody may watch every event
	if open {
		keys.Link, keys.PreviousLink = nil, nil // a link would permit nothing more
	}
	o := access.Options{
		Mode: c.AuthMode, TokenCookie: c.AuthTokenCookie, URL: string(c.AuthURL), Cookies: c.Cookies(),
		Decide: c.Decisions(), DecideURL: string(c.AuthzURL), SQL: string(c.AuthzSQL), LinkSecret: keys.Link, PreviousLinkSecret: keys.PreviousLink,
		Timeout: ms(c.AuthTimeoutMS), Cache: accessCache(c), Refresh: ms(c.AuthRefreshMS), Grace: ms(c.AuthGraceMS),
		Store: e.db, Sessions: e.db.Sessions(), Slots: e.redis, Logger: e.log, Metrics: e.set,
		Changed: func() { e.live.Recheck(); e.listing.Rebuild() },
		JWT: access.JWTOptions{
			Secret: keys.Token, Keys: keys.Public, KeySetURL: string(c.JWKSURL), Refresh: ms(c.JWKSRefreshMS),
			Issuer: c.JWTIssuer, Audience: c.JWTAudience, Leeway: ms(c.JWTLeewayMS),
		},
	}
	if e.guard, err = access.New(o); err != nil {
		return err
	}
	if err := e.guard.Open(ctx); err != nil {
		return fmt.Errorf("prepare access control: %w", err)
	}
	if !open {
		e.log.Info("access control", "auth_mode", c.AuthMode, "authz_mode", o.Decide)
		return nil
	}
	level := slog.LevelInfo
	if !c.IsLocal() {
		level = slog.LevelWarn
	}
	e.log.Log(ctx, level, "everybody who reaches HTTP_ADDR may watch every event", "auth_mode", c.AuthMode, "http_addr", c.HTTPAddr)
	if c.LinkSecret != "" || c.LinkSecretFile != "" {
		e.log.Warn("share links restrict nothing while everybody may watch every event; AUTHZ_MODE=public restricts all other events to those with a link")
	}
	return nil
}

// accessCache is how long an answer that allows is cached: at most half the time between
// two checks of a session. So a withdrawal is late by one check at most.
func accessCache(c *config.Config) time.Duration {
	return min(ms(c.AuthCacheMS), ms(c.AuthRecheckMS)/2)
}

// reauth says how the live server checks its sessions again.
func (e *Engine) reauth() live.Reauth {
	return live.Reauth{Keeper: e.guard, Tokens: e.guard.Tokens(), Every: ms(e.cfg.AuthRecheckMS), Grace: ms(e.cfg.AuthGraceMS)}
}
