package engine

import (
	"testing"

	"pitwall/engine/access"
	"pitwall/engine/config"
)

// TestAYesIsNotKeptForLong: a yes is kept for less than the time between two questions
// about a session, so that a withdrawal is late by one question at most.
func TestAYesIsNotKeptForLong(t *testing.T) {
	for _, c := range []struct{ cache, recheck, want int }{{10000, 60000, 10000}, {10000, 1500, 750}, {0, 1500, 0}, {750, 1500, 750}} {
		var cfg config.Config
		cfg.AuthCacheMS, cfg.AuthRecheckMS = c.cache, c.recheck
		if got := accessCache(&cfg); got != ms(c.want) {
			t.Errorf("%d ms, asked again after %d ms: kept for %v, want %d ms", c.cache, c.recheck, got, c.want)
		}
	}
}

// TestAccessModes keeps the values that settings allow equal to those that package
// access knows: neither may import the other.
func TestAccessModes(t *testing.T) {
	for _, c := range []struct{ setting, known string }{
		{config.AuthNone, access.ModeNone}, {config.AuthJWT, access.ModeJWT}, {config.AuthHTTP, access.ModeHTTP},
		{config.ByPublic, access.ByPublic}, {config.ByClaims, access.ByClaims}, {config.BySQL, access.BySQL}, {config.ByHTTP, access.ByHTTP},
	} {
		if c.setting != c.known {
			t.Errorf("the settings say %q, package access says %q", c.setting, c.known)
		}
	}
}
