package db

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Facts are what a PostgreSQL server tells of itself, for an operator.
type Facts struct {
	Version string
	Standby bool // DATABASE_URL leads to a standby
	Pooler  bool // a pooler such as PgBouncer is between this process and the server
	NoSync  bool // fsync is off: a crash of the machine destroys the database
	// WithoutTriggers are the tables whose changes are not notified.
	WithoutTriggers []string
	// Bloated are the tables of which much is dead rows, such as "positions (40 % of 1200000
	// rows, last vacuum never)".
	Bloated []string
	// MissingRights are the rights that the roles lack, such as "INSERT on positions".
	MissingRights []string
}

// neededRights are the rights of the roles, by table. A table that does not exist is
// passed over: CheckSchema names it.
var neededRights = []struct {
	table, right string
	archive      bool // of the role of the archive
}{
	{"events", "SELECT", false}, {"entries", "SELECT", false}, {"entry_devices", "SELECT", false},
	{"pitwall_events", "SELECT", false}, {"pitwall_members", "SELECT", false}, {"pitwall_revocations", "SELECT", false},
	{"positions", "SELECT", false}, {"pitwall_extras", "SELECT", false}, {"pitwall_clocks", "SELECT", false}, {"pitwall_clocks", "INSERT", false},
	{"positions", "SELECT", true}, {"positions", "INSERT", true}, {"pitwall_extras", "SELECT", true}, {"pitwall_extras", "INSERT", true},
}

// rightsQuery names those of the given rights that the role lacks.
const rightsQuery = `SELECT w.privilege || ' on ' || w.rel FROM unnest($1::text[], $2::text[]) AS w(rel, privilege)
	WHERE to_regclass(w.rel) IS NOT NULL AND NOT has_table_privilege(to_regclass(w.rel), w.privilege)`

// A table is bloated from that many dead rows on, if they are more than that share. That is
// more than autovacuum leaves by default.
const bloatRows, bloatShare = 10_000, 0.3

// bloatQuery names the bloated tables, partitions of positions included.
const bloatQuery = `SELECT relid::regclass::text || format(' (%s %% of %s rows, last vacuum %s)', n_dead_tup * 100 / (n_live_tup + n_dead_tup),
		n_live_tup + n_dead_tup, coalesce(to_char(greatest(last_vacuum, last_autovacuum), 'YYYY-MM-DD'), 'never'))
	FROM pg_stat_user_tables
	WHERE n_dead_tup >= $1 AND n_dead_tup > $2::float8 * (n_live_tup + n_dead_tup)
		AND (relname IN ('events', 'entries', 'entry_devices') OR relname LIKE 'positions%' OR relname LIKE 'pitwall\_%')
	ORDER BY n_dead_tup DESC`

// Examine asks the server of d for its Facts. archive also asks for the rights of the
// archive. ok is false for SQLite, which has none of this.
func Examine(ctx context.Context, d Database, archive bool) (f Facts, ok bool, err error) {
	p, ok := d.(*postgres)
	if !ok {
		return Facts{}, false, nil
	}
	if err := p.examine(ctx, &f, archive); err != nil {
		return Facts{}, true, fmt.Errorf("ask for the state of PostgreSQL: %w", err)
	}
	return f, true, nil
}

func (p *postgres) examine(ctx context.Context, f *Facts, archive bool) error {
	err := p.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		var pid uint32
		err := c.QueryRow(ctx, `SELECT current_setting('server_version'), pg_is_in_recovery(), current_setting('fsync') = 'off', pg_backend_pid()`).
			Scan(&f.Version, &f.Standby, &f.NoSync, &pid)
		// A pooler gives its clients keys for cancelling of its own.
		f.Pooler = pid != c.Conn().PgConn().PID()
		return err
	})
	if err != nil {
		return err
	}
	if f.WithoutTriggers, err = p.withoutTriggers(ctx); err != nil {
		return err
	}
	if f.Bloated, err = column1(ctx, p.pool, bloatQuery, bloatRows, bloatShare); err != nil {
		return err
	}
	if f.MissingRights, err = lacking(ctx, p.pool, false); err != nil || !archive {
		return err
	}
	more, err := lacking(ctx, p.inserts, true)
	for _, right := range more {
		f.MissingRights = append(f.MissingRights, right+" (for the archive)")
	}
	return err
}

// lacking returns the rights that the role of a pool lacks.
func lacking(ctx context.Context, pool *pgxpool.Pool, archive bool) (list []string, err error) {
	var tables, rights []string
	for _, r := range neededRights {
		if r.archive == archive {
			tables, rights = append(tables, r.table), append(rights, r.right)
		}
	}
	return column1(ctx, pool, rightsQuery, tables, rights)
}

// withoutTriggers names the tables that lack a trigger, those of the platform apart if
// they are to have none.
func (p *postgres) withoutTriggers(ctx context.Context) ([]string, error) {
	var tables, names []string
	var events []int
	for channel, list := range senders {
		if p.noTriggers && channel != ChannelAccess {
			continue
		}
		for _, s := range list {
			tables, names, events = append(tables, s.table), append(names, s.trigger), append(events, s.events)
		}
	}
	return column1(ctx, p.pool, "SELECT t FROM unnest(string_to_array(nullif(("+missingTriggersQuery+"), ''), ', ')) AS t", tables, names, events)
}

// column1 returns the first column of a query.
func column1(ctx context.Context, pool *pgxpool.Pool, query string, args ...any) (list []string, err error) {
	rows, err := pool.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// ClockDifference returns how far the clock of the server of d is ahead of this
// machine's, and how long the question took, which bounds the error.
func ClockDifference(ctx context.Context, d Database) (ahead, took time.Duration, err error) {
	if _, err := d.Now(ctx); err != nil { // the first question may have to connect
		return 0, 0, err
	}
	begin := time.Now()
	at, err := d.Now(ctx)
	if err != nil {
		return 0, 0, err
	}
	took = time.Since(begin)
	return at.Sub(begin.Add(took / 2)), took, nil
}
