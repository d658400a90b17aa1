package doctor

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"pitwall/engine/internal/db"
)

// database looks at the server of DATABASE_URL.
func (e *examination) database(ctx context.Context) {
	if e.cfg.DatabaseURL == "" {
		e.folder()
		return
	}
	const check = "PostgreSQL"
	d, err := db.Open(ctx, e.cfg.DatabaseOptions(slog.New(slog.DiscardHandler)))
	if err != nil {
		e.fail(check, "start the server, or correct DATABASE_URL (host, port, role, password, sslmode, the primary)", "%v", err)
		return
	}
	defer d.Close()
	f, _, err := db.Examine(ctx, d, e.cfg.ArchiveEnabled)
	if err != nil {
		e.fail(check, "see the message", "%v", err)
		return
	}
	e.ok(check, "PostgreSQL %s is reachable", f.Version)
	e.databaseFacts(&f)
	if err := d.CheckWritable(ctx, e.cfg.ArchiveEnabled); err != nil {
		e.fail(check, "see the message", "%v", err)
	}
	e.schema(ctx, d)
	if n := e.cfg.ArchiveRetentionMonths; n > 0 && e.cfg.ArchiveEnabled {
		if err := d.CheckRetention(ctx); err != nil {
			e.fail("retention", "see the message, or set ARCHIVE_RETENTION_MONTHS=0", "ARCHIVE_RETENTION_MONTHS is %d, which cannot be enforced: %v", n, err)
		}
	}
	if ahead, took, err := db.ClockDifference(ctx, d); err != nil {
		e.warn("clock of PostgreSQL", "see the message", "%v", err)
	} else {
		e.ahead = append(e.ahead, clock{"PostgreSQL", ahead, took})
	}
}

func (e *examination) databaseFacts(f *db.Facts) {
	if f.Standby {
		e.warn("PostgreSQL", "name the primary, or remove target_session_attrs=any from the URL", "DATABASE_URL leads to a standby, which can only be read")
	}
	if f.NoSync {
		e.fail("PostgreSQL", "ALTER SYSTEM SET fsync = on, and restart the server", "fsync is off: a crash of the machine destroys the database")
	}
	if f.Pooler && e.cfg.DatabaseDirectURL == "" {
		e.warn("pooler", "set DATABASE_DIRECT_URL to the server itself", "DATABASE_URL leads to a pooler such as PgBouncer. In transaction mode it forwards no notification: changes of roster and access are seen late, and migrations can fail")
	} else if f.Pooler {
		e.ok("pooler", "DATABASE_URL leads to a pooler, and DATABASE_DIRECT_URL is set")
	}
	if len(f.MissingRights) > 0 {
		e.fail("rights in PostgreSQL", "GRANT them to the role of the URL", "missing: %s", strings.Join(f.MissingRights, ", "))
	} else {
		e.ok("rights in PostgreSQL", "the role may read and write what is needed")
	}
	if len(f.Bloated) > 0 {
		e.warn("bloat", "VACUUM (ANALYZE) them; see that autovacuum is on and that no old transaction or replication slot holds it back",
			"dead rows fill %s: reads become slow and the disk fills", strings.Join(f.Bloated, ", "))
	} else {
		e.ok("bloat", "no table has many dead rows")
	}
	if len(f.WithoutTriggers) > 0 {
		e.warn("triggers", "run pitwall migrate, or ALTER TABLE … ENABLE TRIGGER; NOTIFY_TRIGGERS=false accepts it for the tables of the platform",
			"no trigger notifies of changes of %s: they are seen at the next refresh", strings.Join(f.WithoutTriggers, ", "))
	} else {
		e.ok("triggers", "changes are notified")
	}
}

// schema looks at the migrations and at what they make.
func (e *examination) schema(ctx context.Context, d db.Database) {
	const check = "schema"
	list, err := d.Status(ctx)
	if err != nil {
		e.fail(check, "see the message; migrations use DATABASE_DIRECT_URL, by default DATABASE_URL", "%v", err)
	}
	var pending []string
	for _, m := range list {
		if !m.Applied {
			pending = append(pending, m.Name)
		}
	}
	wrong := d.CheckSchema(ctx)
	switch {
	case len(pending) > 0 && e.cfg.Migrate:
		e.ok(check, "pending migrations, which serve applies at start (MIGRATE): %s", strings.Join(pending, ", "))
		return
	case len(pending) > 0:
		e.fail(check, "run pitwall migrate", "pending migrations: %s", strings.Join(pending, ", "))
	case wrong == nil && err == nil:
		e.ok(check, "all %d migrations are applied; tables, columns and the unique index fit", len(list))
	}
	if wrong != nil {
		e.fail(check, "run pitwall migrate, or the statements in the message", "%v", wrong)
	}
}

// folder looks at the folder of the embedded database, which is opened by one process at
// a time and therefore not here.
func (e *examination) folder() {
	const check = "database"
	dir := e.cfg.DataDir
	info, err := os.Stat(dir)
	switch {
	case os.IsNotExist(err):
		e.ok(check, "the embedded SQLite is used; serve makes the folder %s", dir)
		return
	case err != nil:
		e.fail(check, "correct DATA_DIR", "%v", err)
		return
	case !info.IsDir():
		e.fail(check, "correct DATA_DIR", "%s is no folder", dir)
		return
	}
	probe, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		e.fail(check, "give the user of this process the right to write there", "the embedded SQLite is used, and its folder cannot be written: %v", err)
		return
	}
	probe.Close()
	_ = os.Remove(probe.Name()) // it is empty
	e.ok(check, "the embedded SQLite in %s is used; set DATABASE_URL for more than one process", dir)
}

// clock is a server's clock relative to this machine's.
type clock struct {
	server      string
	ahead, took time.Duration
}

// largeDifference is the difference of clocks from which they are reported.
const largeDifference = time.Second

// clocks compares the clocks.
func (e *examination) clocks() {
	tolerance := time.Duration(e.cfg.FutureToleranceMS) * time.Millisecond
	const check, do = "clocks", "run a time service (chrony, systemd-timesyncd) on every machine"
	for _, c := range e.ahead {
		off, side := c.ahead, "ahead of"
		if off < 0 {
			off, side = -off, "behind"
		}
		off = max(off-c.took/2, 0) // it may have been read at any moment of the question
		text := "the clock of " + c.server + " is " + off.Round(time.Millisecond).String() + " " + side + " this machine's"
		switch {
		case off > tolerance:
			e.fail(check, do, "%s, more than LIVE_FUTURE_TOLERANCE_MS", text)
		case off > largeDifference:
			e.warn(check, do, "%s", text)
		default:
			e.ok(check, "%s", text)
		}
	}
}
