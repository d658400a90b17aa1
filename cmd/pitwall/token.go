package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"pitwall/engine/admin"
	"pitwall/engine/config"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Create a link that lets anyone watch one event for a limited time."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a link or a token, and end its sessions."`
	List   tokenListCmd   `cmd:"" help:"List share links and revoked tokens."`
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

// Run creates a link.
func (c *tokenCreateCmd) Run(ctx context.Context) error {
	return admin.CreateLink(ctx, c.Links, c.Database, c.URL, c.Event, c.TTL, c.MaxConnections, quiet(), stdout)
}

// Run revokes a link or a token.
func (c *tokenRevokeCmd) Run(ctx context.Context) error {
	token := c.Token
	if token == "-" {
		b, err := io.ReadAll(io.LimitReader(os.Stdin, 64<<10))
		if err != nil {
			return fmt.Errorf("read the token: %w", err)
		}
		token = strings.TrimSpace(string(b))
	}
	return admin.RevokeToken(ctx, c.Database, token, c.For, quiet(), stdout)
}

// Run lists links and revocations.
func (c *tokenListCmd) Run(ctx context.Context) error {
	return admin.ListTokens(ctx, c.Database, c.All, quiet(), stdout)
}
