// Command pitwall reads GPS positions from a Redis Stream, shows each one to every
// spectator of the events that its device takes part in, and writes it to Postgres.
//
// serve does that until SIGINT or SIGTERM. config prints its settings, migrate
// updates the database's schema, partition divides the table positions by month,
// roster import defines which devices take part in which events, dead handles records
// that could not be written, and token makes, explains and revokes share links and
// user tokens. doctor, check, status, top and device tell how an installation does.
// Packages engine and admin do the work; this package holds only flags, environment
// and exit codes.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"pitwall/engine"
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
	Token     tokenCmd     `cmd:"" help:"Create share links and user tokens, explain and revoke them."`
	Doctor    doctorCmd    `cmd:"" help:"Examine the installation: settings, machine, Redis, database, certificates, clocks; exits with 0 (ok), 1 (warnings) or 2 (errors)."`
	Check     checkCmd     `cmd:"" help:"Ask a running process whether it works; exits with 0 (ok), 1 (warning), 2 (critical) or 3 (unknown)."`
	Status    statusCmd    `cmd:"" help:"Show what a running process does: readiness, rates, lag, connections, topics."`
	Top       topCmd       `cmd:"" help:"Show live what a running process does: rates, lag, topics, slowest connections, devices in no event; q ends."`
	Device    deviceCmd    `cmd:"" help:"Tell why a device shows on a running process, or does not."`
	Size      sizeCmd      `cmd:"" help:"Forecast what a load takes: cores, memory, network, disk."`
	Version   versionCmd   `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print a script that completes commands, flags and values in bash, zsh or fish."`

	EnvFile     string      `name:"env-file" env:"ENV_FILE" help:"File of settings, one NAME=value per line. The environment and flags win over it."`
	ShowVersion versionFlag `name:"version" help:"Print the version."`
}

type serveCmd struct {
	config.Config
}

func main() { os.Exit(run(os.Args[1:])) }

// run runs a command line and returns the exit code.
func run(args []string) int {
	if len(args) > 0 && args[0] == completeCommand {
		return failed(args, printCompletions(args[1:]))
	}
	_, ctx, err := parseArgs(args)
	if err != nil {
		return failed(args, usageError{err})
	}
	ctx.BindTo(context.Background(), (*context.Context)(nil))
	return failed(args, ctx.Run())
}

// parseArgs reads the settings file, the environment, the command line, and the files of
// secrets. It leaves --help and --version to kong, which ends the process.
func parseArgs(args []string) (*cli, *kong.Context, error) {
	if err := settingsFile.load(fileArgument(args)); err != nil {
		return nil, nil, err
	}
	c := new(cli)
	k, err := kong.New(c, options()...)
	if err != nil {
		return nil, nil, err
	}
	ctx, err := k.Parse(args)
	if err != nil {
		return nil, nil, err
	}
	return c, ctx, config.ReadFiles(ctx.Selected().Target.Addr().Interface())
}

func options() []kong.Option {
	return []kong.Option{
		kong.Name("pitwall"),
		kong.Description("Live tracking for races: positions from a Redis Stream to every spectator and into Postgres."),
	}
}

// Run serves until SIGINT or SIGTERM. A second signal ends the lame-duck time if that
// is under way, and otherwise the process at once. SIGHUP reloads what can change
// without a restart.
func (c *serveCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	level := new(slog.LevelVar)
	level.Set(c.Level())
	log := leveled(c.Log, level)
	for _, w := range lookalikes() {
		log.Warn(w)
	}
	e, err := engine.New(c.Config, log)
	if err != nil {
		return usageError{err}
	}
	go func() {
		first, at := <-signals, time.Now()
		cancel()
		for s := range signals {
			// Supervisors and timeout(1) send SIGTERM to a process and to its group.
			repeated := s == syscall.SIGTERM && s == first && time.Since(at) < time.Second
			if !repeated && !e.EndLameDuck() {
				os.Exit(exitSignal)
			}
		}
	}()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	var own sync.WaitGroup
	own.Go(func() { greet(ctx, e) })
	own.Go(func() {
		r := reloader{args: os.Args[1:], engine: e, log: log, level: level}
		r.follow(ctx, hangups)
	})
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
