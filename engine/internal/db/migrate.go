package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"pitwall/migrations"
)

// versionTable is where goose records the applied migrations.
const versionTable = "pitwall_schema"

// Migrations that NoTriggers leaves out: they add triggers to the platform's tables.
var (
	triggersVersions = []int64{3, 7}
	triggersFiles    = []string{"0003_notify.sql", "0007_roster_changes.sql"}
)

// lockPeriod, in seconds, and lockAttempts make a process wait for another one that
// migrates, because building the index of a large table takes time.
const lockPeriod, lockAttempts = 1, 600

// newProvider reads the migrations in folder. They may be applied out of order, because
// an operator may allow the triggers later.
func newProvider(dialect goose.Dialect, db *sql.DB, files embed.FS, folder string, options ...goose.ProviderOption) (*goose.Provider, error) {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, db, sub, append(options,
		goose.WithTableName(versionTable),
		goose.WithAllowOutofOrder(true),
		goose.WithDisableGlobalRegistry(true))...)
}

// up applies the pending migrations and returns the names of the applied files.
func up(ctx context.Context, p *goose.Provider) ([]string, error) {
	results, err := p.Up(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		results = partial.Applied
		err = fmt.Errorf("migration %s: %w", path.Base(partial.Failed.Source.Path), plain(partial.Err))
	}
	var names []string
	for _, r := range results {
		names = append(names, path.Base(r.Source.Path))
	}
	return names, err
}

// plain removes goose's wrapping from an error, because it quotes the whole statement.
// Of an error that a migration raised it keeps only the message.
func plain(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if e.Code == raisedException {
			return errors.New(e.Message)
		}
		return e
	}
	return err
}

// listMigrations is Status. done is false when the version table does not exist:
// goose would create it, but Status must not change anything.
func listMigrations(ctx context.Context, p *goose.Provider, done bool) ([]MigrationStatus, error) {
	var out []MigrationStatus
	if !done {
		for _, s := range p.ListSources() {
			out = append(out, MigrationStatus{Version: s.Version, Name: path.Base(s.Path)})
		}
		return out, nil
	}
	list, err := p.Status(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		out = append(out, MigrationStatus{Version: m.Source.Version, Name: path.Base(m.Source.Path),
			Applied: m.State == goose.StateApplied, At: m.AppliedAt})
	}
	return out, nil
}

// withProvider runs fn on a connection to DATABASE_DIRECT_URL.
func (p *postgres) withProvider(fn func(*goose.Provider, *sql.DB) error) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPeriod, lockAttempts))
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*p.direct, stdlib.OptionAfterConnect(prepareSession))
	defer db.Close()
	options := []goose.ProviderOption{goose.WithSessionLocker(locker)}
	if p.noTriggers {
		options = append(options, goose.WithExcludeVersions(triggersVersions))
	}
	provider, err := newProvider(goose.DialectPostgres, db, migrations.Postgres, "postgres", options...)
	if err != nil {
		return err
	}
	return fn(provider, db)
}

func (p *postgres) Migrate(ctx context.Context) (applied []string, err error) {
	err = p.withProvider(func(provider *goose.Provider, _ *sql.DB) error {
		applied, err = up(ctx, provider)
		return err
	})
	if err != nil {
		return applied, fmt.Errorf("migrate the database of DATABASE_URL: %w%s", err, p.hint(err))
	}
	return applied, p.checkMigrated(ctx)
}

// hint suggests what to do about likely errors.
func (p *postgres) hint(err error) string {
	switch state := sqlState(err); {
	case (state == missingPrivilege || state == wrongObjectType) &&
		slices.ContainsFunc(triggersFiles, func(name string) bool { return strings.Contains(err.Error(), name) }):
		return " (where the role may not put triggers on the platform's tables, set NOTIFY_TRIGGERS=false)"
	case state == "" && p.direct.Host != "":
		return " (migrations connect to DATABASE_DIRECT_URL, by default DATABASE_URL)"
	}
	return ""
}

// checkMigrated is CheckSchema after a migration. Its error does not advise to migrate:
// what is still missing was changed by hand, or no migration changes it.
func (p *postgres) checkMigrated(ctx context.Context) error {
	problems, err := p.missingSchema(ctx)
	if err != nil {
		return err
	}
	if err := missingError(problems, "the migrations are applied, but the schema does not fit"); err != nil {
		return err
	}
	return p.checkArchive(ctx)
}

func (p *postgres) Status(ctx context.Context) (list []MigrationStatus, err error) {
	err = p.withProvider(func(provider *goose.Provider, db *sql.DB) error {
		var done bool
		err := db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", versionTable).Scan(&done)
		if err != nil {
			return err
		}
		list, err = listMigrations(ctx, provider, done)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the state of migrations: %w", err)
	}
	return list, nil
}

func (s *sqlite) Migrate(ctx context.Context) ([]string, error) {
	s.migrating.Lock()
	defer s.migrating.Unlock()
	provider, err := s.provider()
	if err != nil {
		return nil, fmt.Errorf("migrate the database in DATA_DIR: %w", err)
	}
	applied, err := up(ctx, provider)
	if err != nil && ctx.Err() == nil {
		// Another process may have applied the same migration at the same time. Then
		// the second try has nothing to do, or fails with the real reason.
		var more []string
		more, err = up(ctx, provider)
		applied = append(applied, more...)
	}
	if err != nil {
		return applied, fmt.Errorf("migrate the database in DATA_DIR: %w", err)
	}
	problems, err := s.missingSchema(ctx)
	if err != nil {
		return applied, err
	}
	return applied, missingError(problems, "the migrations are applied, but the schema does not fit")
}

func (s *sqlite) Status(ctx context.Context) ([]MigrationStatus, error) {
	provider, err := s.provider()
	if err != nil {
		return nil, fmt.Errorf("read the state of migrations: %w", err)
	}
	tables, err := s.tables(ctx)
	if err != nil {
		return nil, err
	}
	list, err := listMigrations(ctx, provider, slices.Contains(tables, versionTable))
	if err != nil {
		return nil, fmt.Errorf("read the state of migrations: %w", err)
	}
	return list, nil
}

func (s *sqlite) provider() (*goose.Provider, error) {
	return newProvider(goose.DialectSQLite3, s.write, migrations.SQLite, "sqlite")
}
