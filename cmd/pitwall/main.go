// Command pitwall reads GPS positions from a Redis Stream, shows each one to every
// spectator of the events that its device takes part in, and writes it to Postgres.
//
// serve does that until SIGINT or SIGTERM. config prints its settings, migrate
// updates the database's schema, partition divides the table positions by month,
// roster import defines which devices take part in which events, dead handles records
// that could not be written, and token creates share links and revokes tokens.
// Packages engine and admin do the work; this package holds only flags, environment
// and exit codes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"pitwall/engine"
	"pitwall/engine/admin"
	"pitwall/engine/config"
)

// cli defines the command line: flags, environment variables and --help.
type cli struct {
	Serve     serveCmd     `cmd:"" help:"Serve spectators and write positions to the database."`
	Config    configCmd    `cmd:"" help:"Print the settings that serve would use and their sources, without secrets; fail if serve would."`
	Migrate   migrateCmd   `cmd:"" help:"Migrate the database, or show the state of its migrations."`
	Partition partitionCmd `cmd:"" help:"Partition the table positions by month (PostgreSQL)."`
	Roster    rosterCmd    `cmd:"" help:"Define which devices take part in which events."`
	Dead      deadCmd      `cmd:"" help:"Handle the records that could not be written to the database."`
	Token     tokenCmd     `cmd:"" help:"Create share links, and revoke links and tokens."`
	Check     checkCmd     `cmd:"" help:"Ask a running process whether it works; exits with 0 (ok), 1 (warning), 2 (critical) or 3 (unknown)."`
	Status    statusCmd    `cmd:"" help:"Show what a running process does: readiness, rates, lag, connections, topics."`
	Device    deviceCmd    `cmd:"" help:"Tell why a device shows on a running process, or does not."`
	Size      sizeCmd      `cmd:"" help:"Forecast what a load takes: cores, memory, network, disk."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

type serveCmd struct {
	config.Config
}

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" default:"withargs" help:"Apply the pending migrations (the default)."`
	Status migrateStatusCmd `cmd:"" help:"List the applied and the pending migrations."`
}

type migrateUpCmd struct{ config.Database }

type migrateStatusCmd struct{ config.Database }

type rosterCmd struct {
	Import rosterImportCmd `cmd:"" help:"Import a CSV file with the columns event_id, entry_id and device_id."`
}

type rosterImportCmd struct {
	config.Database
	File   string `arg:"" help:"The file; - is standard input."`
	DryRun bool   `name:"dry-run" help:"Check the file and write nothing."`
}

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

type versionCmd struct{}

func main() {
	var c cli
	ctx := kong.Parse(&c, append(options(), wrongUse(os.Args[1:]))...)
	ctx.BindTo(context.Background(), (*context.Context)(nil))
	if err := ctx.Run(); err != nil {
		if code, ok := errors.AsType[exitError](err); ok {
			os.Exit(int(code))
		}
		fmt.Fprintln(stderr, "pitwall:", err)
		os.Exit(1)
	}
}

func options() []kong.Option {
	return []kong.Option{
		kong.Name("pitwall"),
		kong.Description("Live tracking for races: positions from a Redis Stream to every spectator and into Postgres."),
		kong.ShortUsageOnError(),
	}
}

// Run serves until SIGINT or SIGTERM. A second signal ends the lame-duck time if that
// is under way, and otherwise the process at once.
func (c *serveCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	e, err := engine.New(c.Config, logger(c.Log))
	if err != nil {
		return err
	}
	go func() {
		first, at := <-signals, time.Now()
		cancel()
		for s := range signals {
			// Supervisors and timeout(1) send SIGTERM to a process and to its group.
			repeated := s == syscall.SIGTERM && s == first && time.Since(at) < time.Second
			if !repeated && !e.EndLameDuck() {
				os.Exit(130)
			}
		}
	}()
	var own sync.WaitGroup
	own.Go(func() { greet(ctx, e) })
	err = e.Run(ctx)
	cancel()
	own.Wait()
	return err
}

// greet prints the banner when the engine is ready, and then, on a terminal, status
// lines.
func greet(ctx context.Context, e *engine.Engine) {
	select {
	case <-e.Ready():
	case <-ctx.Done():
		return
	}
	fmt.Fprint(stdout, "\n"+e.Banner()+"\n")
	if onTerminal() {
		e.ShowStatus(ctx, stdout)
	}
}

// Run applies the pending migrations.
func (c *migrateUpCmd) Run(ctx context.Context) error {
	return admin.MigrateUp(ctx, c.Database, quiet(), stdout)
}

// Run lists the migrations.
func (c *migrateStatusCmd) Run(ctx context.Context) error {
	return admin.MigrateStatus(ctx, c.Database, quiet(), stdout)
}

// Run imports a roster.
func (c *rosterImportCmd) Run(ctx context.Context) error {
	var in io.Reader = os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("open the roster: %w", err)
		}
		defer f.Close()
		in = f
	}
	return admin.ImportRoster(ctx, c.Database, in, c.DryRun, quiet(), stdout)
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

// Run prints the version that the binary was built from.
func (versionCmd) Run() error {
	v, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		v = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	fmt.Fprintln(stdout, "pitwall "+v+revision)
	return nil
}
