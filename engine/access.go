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

// everybodyMayWatch reports whether every client may watch every event.
func everybodyMayWatch(c *config.Access) bool {
	return c.AuthMode == config.AuthNone && len(c.AuthzMode) == 0
}

// AccessOptions returns the settings of access control, with the secrets and keys from
// their files. What connects to other parts (Store, Slots, Logger, Metrics, Changed) is
// left to the caller. The error names each setting that is wrong.
func AccessOptions(c *config.Access) (access.Options, error) {
	if err := c.Check(); err != nil {
		return access.Options{}, err
	}
	keys, err := c.ReadKeys()
	if err != nil {
		return access.Options{}, err
	}
	if everybodyMayWatch(c) {
		keys.Link, keys.PreviousLink = nil, nil // a link would permit nothing more
	}
	return access.Options{
		Mode: c.AuthMode, TokenCookie: c.AuthTokenCookie, URL: string(c.AuthURL), Cookies: c.Cookies(),
		Decide: c.Decisions(), DecideURL: string(c.AuthzURL), SQL: string(c.AuthzSQL), LinkSecret: keys.Link, PreviousLinkSecret: keys.PreviousLink,
		Timeout: ms(c.AuthTimeoutMS), Cache: accessCache(c), Refresh: ms(c.AuthRefreshMS), Grace: ms(c.AuthGraceMS),
		JWT: access.JWTOptions{
			Secret: keys.Token, Keys: keys.Public, KeySetURL: string(c.JWKSURL), Refresh: ms(c.JWKSRefreshMS),
			Issuer: c.JWTIssuer, Audience: c.JWTAudience, Leeway: ms(c.JWTLeewayMS),
		},
	}, nil
}

// openAccess makes the guard, and loads its keys and lists.
func (e *Engine) openAccess(ctx context.Context) error {
	c := &e.cfg
	o, err := AccessOptions(&c.Access)
	if err != nil {
		return err
	}
	o.Store, o.Sessions, o.Slots, o.Logger, o.Metrics = e.db, e.db.Sessions(), e.redis, e.log, e.set
	o.Changed = func() { e.live.Recheck(); e.listing.Rebuild() }
	if e.guard, err = access.New(o); err != nil {
		return err
	}
	if err := e.guard.Open(ctx); err != nil {
		return fmt.Errorf("prepare access control: %w", err)
	}
	if !everybodyMayWatch(&c.Access) {
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
func accessCache(c *config.Access) time.Duration {
	return min(ms(c.AuthCacheMS), ms(c.AuthRecheckMS)/2)
}

// reauth says how the live server checks its sessions again.
func (e *Engine) reauth() live.Reauth {
	return live.Reauth{Keeper: e.guard, Tokens: e.guard.Tokens(), Every: ms(e.cfg.AuthRecheckMS), Grace: ms(e.cfg.AuthGraceMS)}
}
