package engine

import (
	"testing"

	"pitwall/engine/access"
	"pitwall/engine/config"
)

// An answer that allows is kept for at most half the time between two checks of a
// session, so that a withdrawal is late by one check at most.
func TestAccessCacheIsShorterThanTheRecheck(t *testing.T) {
	for _, c := range []struct{ cache, recheck, want int }{{10000, 60000, 10000}, {10000, 1500, 750}, {0, 1500, 0}, {750, 1500, 750}} {
		var cfg config.Config
		cfg.AuthCacheMS, cfg.AuthRecheckMS = c.cache, c.recheck
		if got := accessCache(&cfg.Access); got != ms(c.want) {
			t.Errorf("cache %d ms, recheck %d ms: kept for %v, want %d ms", c.cache, c.recheck, got, c.want)
		}
	}
}

// The values that the settings allow are those that package access knows. Neither
// package may import the other.
func TestAccessModes(t *testing.T) {
	for _, c := range []struct{ setting, known string }{
		{config.AuthNone, access.ModeNone}, {config.AuthJWT, access.ModeJWT}, {config.AuthHTTP, access.ModeHTTP},
		{config.ByPublic, access.ByPublic}, {config.ByClaims, access.ByClaims}, {config.BySQL, access.BySQL}, {config.ByHTTP, access.ByHTTP},
	} {
		if c.setting != c.known {
			t.Errorf("config has %q, access has %q", c.setting, c.known)
		}
	}
}
