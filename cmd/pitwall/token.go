package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"pitwall/engine"
	"pitwall/engine/admin"
	"pitwall/engine/config"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Create a link that lets anyone watch one event for a limited time."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a link or a token, and end its sessions."`
	List   tokenListCmd   `cmd:"" help:"List share links and revoked tokens."`
	User   tokenUserCmd   `cmd:"" help:"Make a token for a user, as a platform does for AUTH_MODE=jwt."`
	Check  tokenCheckCmd  `cmd:"" help:"Explain a token or a share link, and whether serve accepts it; exits with 1 if not."`
}

type tokenCreateCmd struct {
	config.Links
	config.Database
	Event          string        `name:"event" required:"" help:"The event, which must exist."`
	TTL            time.Duration `name:"ttl" default:"24h" help:"Lifetime of the link, such as 6h."`
	MaxConnections int           `name:"max-connections" default:"0" help:"Most connections at the same time, on all instances. 0: no limit."`
	URL            string        `name:"url" env:"PUBLIC_URL" default:"http://127.0.0.1:8080/" help:"Address of the page."`
}

type tokenRevokeCmd struct {
	config.Database
	Token string        `arg:"" help:"The id of a link, a link, a token, or the jti of a token; - reads it from standard input."`
	For   time.Duration `name:"for" help:"Lifetime of the revocation, such as 720h: at least the remaining lifetime of the token. Needed only for a jti, because links and tokens hold their expiry."`
}

type tokenListCmd struct {
	config.Database
	All bool `name:"all" help:"Also those that have ended."`
}

type tokenUserCmd struct {
	config.Access
	Subject string        `name:"subject" required:"" help:"The user (sub)."`
	Event   []string      `name:"event" sep:"," help:"Events that the user may watch with AUTHZ_MODE=claims: ids, prefixes such as rally-*, or *. Several with commas, or several times."`
	TTL     time.Duration `name:"ttl" default:"1h" help:"Lifetime of the token, such as 6h."`
	KeyFile string        `name:"key-file" help:"File of a private key in PEM, whose public key serve has by JWT_PUBLIC_KEY_FILE or JWKS_URL. Unset: the token is signed with JWT_SECRET."`
	KeyID   string        `name:"key-id" help:"Key id (kid) of that key in JWKS_URL, for keys that need one to be found."`
}

type tokenCheckCmd struct {
	config.Access
	config.Database
	Token string `arg:"" help:"A token or a share link; - reads it from standard input, where no list of processes shows it."`
	Event string `name:"event" help:"Also decide whether this event may be watched with it; unset, that of a link."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// Run makes a token.
func (c *tokenUserCmd) Run(ctx context.Context) error {
	o, err := engine.AccessOptions(&c.Access)
	if err != nil {
		return usageError{err}
	}
	if c.TTL <= 0 {
		return usageError{fmt.Errorf("--ttl is %v, allowed is more than 0", c.TTL)}
	}
	t := admin.UserToken{User: c.Subject, Events: c.Event, TTL: c.TTL, KeyID: c.KeyID}
	if c.KeyFile != "" {
		if t.Private, err = os.ReadFile(c.KeyFile); err != nil {
			return fmt.Errorf("read the private key: %w", err)
		}
	}
	return admin.CreateUserToken(ctx, o, t, quiet(), stdout, stderr)
}

// Run explains a token.
func (c *tokenCheckCmd) Run(ctx context.Context) error {
	o, err := engine.AccessOptions(&c.Access)
	if err != nil {
		return usageError{err}
	}
	token, err := tokenArgument(c.Token)
	if err != nil {
		return err
	}
	good, err := admin.CheckToken(ctx, o, c.Database, token, c.Event, c.JSON, quiet(), stdout)
	if err == nil && !good {
		return exitError(exitFailed)
	}
	return err
}

// tokenArgument returns a token of the command line, or from standard input for -.
func tokenArgument(text string) (string, error) {
	if text != "-" {
		return text, nil
	}
	b, err := io.ReadAll(io.LimitReader(os.Stdin, 64<<10))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Run creates a link.
func (c *tokenCreateCmd) Run(ctx context.Context) error {
	return admin.CreateLink(ctx, c.Links, c.Database, c.URL, c.Event, c.TTL, c.MaxConnections, quiet(), stdout)
}

// Run revokes a link or a token.
func (c *tokenRevokeCmd) Run(ctx context.Context) error {
	token, err := tokenArgument(c.Token)
	if err != nil {
		return err
	}
	return admin.RevokeToken(ctx, c.Database, token, c.For, quiet(), stdout)
}

// Run lists links and revocations.
func (c *tokenListCmd) Run(ctx context.Context) error {
	return admin.ListTokens(ctx, c.Database, c.All, quiet(), stdout)
}
