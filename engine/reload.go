package engine

import (
	"errors"
	"slices"

	"pitwall/engine/access"
	"pitwall/engine/config"
)

// reloaded are the settings that Reload puts in force. LOG_LEVEL is the business of
// the caller, who made the logger.
var reloaded = []string{
	"ALLOWED_ORIGINS", "LOG_LEVEL", "OPS_TOKEN", "OPS_TOKEN_FILE",
	"JWT_SECRET", "JWT_SECRET_FILE", "JWT_PUBLIC_KEY_FILE",
	"LINK_SECRET", "LINK_SECRET_FILE", "LINK_SECRET_PREVIOUS", "LINK_SECRET_PREVIOUS_FILE",
	"LIVE_MAX_CONNECTIONS", "LIVE_MAX_CONNECTIONS_PER_ADDRESS", "LIVE_MAX_SUBSCRIPTIONS", "LIVE_MAX_QUEUED_BYTES",
	"LIVE_UPGRADE_RATE", "LIVE_UPGRADE_RATE_PER_ADDRESS", "LIVE_REQUEST_RATE", "LIVE_REQUEST_BURST",
	"LIVE_SNAPSHOT_RATE", "LIVE_SNAPSHOT_BURST", "HTTP_RATE", "HTTP_RATE_PER_ADDRESS",
	"HTTP_MAX_CONNECTIONS", "HTTP_MAX_CONNECTIONS_PER_ADDRESS", "AUTH_FAILURES_PER_ADDRESS",
}

// Reload puts the settings of cfg in force that can change without a restart, and
// reads the files of certificates, keys and secrets again. A changed setting that needs
// a restart is logged by name and ignored. Nothing changes if cfg is invalid; the error
// is that of Check. It may be called from any goroutine once the engine is ready, one
// call at a time.
func (e *Engine) Reload(cfg config.Config) error {
	if err := Check(&cfg); err != nil {
		return err
	}
	o, err := AccessOptions(&cfg.Access)
	if err != nil {
		return err
	}
	var errs []error
	if e.guard != nil {
		errs = append(errs, e.guard.Reload(access.Secrets{Token: o.JWT.Secret, Public: o.JWT.Keys, Link: o.LinkSecret, PreviousLink: o.PreviousLinkSecret}))
	}
	if e.front != nil {
		errs = append(errs, e.front.ReloadCertificate())
	}
	e.origins.Replace(cfg.Origins())
	if e.live != nil {
		errs = append(errs, e.live.SetBounds(bounds(&cfg)))
	}
	e.ops.SetToken(string(cfg.OpsToken))
	restart := config.Changed(&e.given, &cfg)
	restart = slices.DeleteFunc(restart, func(name string) bool { return slices.Contains(reloaded, name) })
	if len(restart) > 0 {
		e.log.Warn("settings have changed that need a restart; the old values stay in force", "settings", restart)
	}
	err = errors.Join(errs...)
	if err == nil {
		e.log.Info("settings, certificate, keys and secrets were read again")
	}
	return err
}
