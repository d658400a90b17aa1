package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// importLock makes imports wait for each other: the tables may lack unique constraints,
// so two imports could add a row twice. It is held until the end of the transaction,
// which also works through a pooler.
const importLock = "SELECT pg_advisory_xact_lock(hashtext('pitwall roster import'))"

func (p *postgres) ImportRoster(ctx context.Context, rows []RosterRow, dryRun bool) (ImportResult, error) {
	var bad badRows
	checkRows(rows, &bad)
	if len(bad.errs) > 0 { // otherwise normalize checks the entries, by the spelling of the database
		checkEntries(rows, &bad)
	}
	if err := bad.err(); err != nil {
		return ImportResult{}, fmt.Errorf("import roster: %w", err)
	}
	var result ImportResult
	err := p.inTx(ctx, func(tx pgx.Tx) error {
		columns, err := columnsOf(ctx, tx)
		if err != nil {
			return fmt.Errorf("read the schema: %w", err)
		}
		im := importer{tx: tx, columns: columns, rows: append([]RosterRow(nil), rows...)}
		if result, err = im.run(ctx); err == nil && dryRun {
			err = errDryRun
		}
		return err
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return ImportResult{}, fmt.Errorf("import roster: %w", err)
	}
	return result, nil
}

// importer is one import. Values are sent as text and cast to the types of the
// platform's columns.
type importer struct {
	tx      pgx.Tx
	columns schema
	rows    []RosterRow
}

func (im *importer) run(ctx context.Context) (ImportResult, error) {
	if _, err := im.tx.Exec(ctx, importLock); err != nil {
		return ImportResult{}, err
	}
	if err := im.normalize(ctx); err != nil {
		return ImportResult{}, err
	}
	result, err := im.upsert(ctx)
	if err == nil && result.changed() {
		// Without the triggers nothing else notifies.
		_, err = im.tx.Exec(ctx, "SELECT pg_notify($1, '')", ChannelRoster)
	}
	return result, err
}

// targets are the columns of the database for each column of the file. The first one
// decides how an id is spelt.
var targets = [3][][2]string{
	{{"events", "id"}, {"entries", "event_id"}},
	{{"entries", "id"}, {"entry_devices", "entry_id"}},
	{{"entry_devices", "device_id"}},
}

// normalize checks that every value fits the types of its columns, and spells it as the
// database does: two spellings of one uuid are one id.
func (im *importer) normalize(ctx context.Context) error {
	var bad badRows
	for k, name := range rosterColumns {
		var spelt map[string]string
		for i, t := range targets[k] {
			c, ok := im.columns[t[0]][t[1]]
			if !ok {
				return fmt.Errorf("%s.%s does not exist: run `pitwall migrate`", t[0], t[1])
			}
			good, err := im.cast(ctx, k, c)
			if err != nil {
				return err
			}
			if i == 0 {
				spelt = good
			}
			for j := range im.rows {
				r := &im.rows[j]
				if _, ok := good[*r.field(k)]; !ok {
					bad.add(r.Line, name, "%q does not fit %s.%s, which is %s", *r.field(k), t[0], t[1], c.name())
				}
			}
			if len(bad.errs) > 0 {
				break
			}
		}
		for j := range im.rows {
			if v, ok := spelt[*im.rows[j].field(k)]; ok {
				*im.rows[j].field(k) = v
			}
		}
	}
	checkEntries(im.rows, &bad)
	return bad.err()
}

func (c column) name() string {
	if c.length > 0 {
		return fmt.Sprintf("%s(%d)", c.kind, c.length)
	}
	return c.kind
}

// cast returns the values of a column of the file that fit c, each with the spelling
// of the database.
func (im *importer) cast(ctx context.Context, k int, c column) (map[string]string, error) {
	good := map[string]string{}
	var values []string
	for i := range im.rows {
		v := *im.rows[i].field(k)
		if _, seen := good[v]; !seen {
			good[v] = v
			values = append(values, v)
		}
	}
	if c.kind == "text" || c.kind == "character varying" {
		for _, v := range values {
			if c.length > 0 && utf8.RuneCountInString(v) > c.length {
				delete(good, v)
			}
		}
		return good, nil
	}
	clear(good)
	return good, im.castHalving(ctx, values, c.kind, good)
}

// castHalving casts values together, and halves them to find those that fail. It stops
// when there are too many bad values; the rest then counts as bad.
func (im *importer) castHalving(ctx context.Context, values []string, kind string, good map[string]string) error {
	budget := 2 * maxBadRows * 20 // queries: finding one bad value among a million takes about 20
	var try func([]string) error
	try = func(values []string) error {
		if len(values) == 0 || budget == 0 {
			return nil
		}
		budget--
		err := im.castAll(ctx, values, kind, good)
		if err == nil || !isDataFault(err) {
			return err
		}
		if len(values) == 1 {
			return nil
		}
		half := len(values) / 2
		if err := try(values[:half]); err != nil {
			return err
		}
		return try(values[half:])
	}
	return try(values)
}

// isDataFault reports whether the server refused a value and not the statement.
func isDataFault(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, classData) || strings.HasPrefix(state, classIntegrity)
}

// castAll casts all values or none. The savepoint keeps the transaction usable after an
// error. kind needs no quoting, because format_type has quoted it.
func (im *importer) castAll(ctx context.Context, values []string, kind string, good map[string]string) error {
	return pgx.BeginFunc(ctx, im.tx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT v::"+kind+"::text FROM unnest($1::text[]) WITH ORDINALITY AS g(v, n) ORDER BY n", values)
		if err != nil {
			return err
		}
		spelt, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for i, v := range values {
			good[v] = spelt[i]
		}
		return nil
	})
}

// upsert adds what is missing. It requires no unique constraint on the platform's
// tables.
func (im *importer) upsert(ctx context.Context) (ImportResult, error) {
	result := ImportResult{Rows: len(im.rows)}
	kind := func(table, column string) string { return im.columns[table][column].kind }
	with := fmt.Sprintf(`WITH g AS (
		SELECT DISTINCT event::%s AS event, event::%s AS entry_event, entry::%s AS entry, entry::%s AS device_entry, device::%s AS device
		FROM unnest($1::text[], $2::text[], $3::text[]) AS x(event, entry, device)) `,
		kind("events", "id"), kind("entries", "event_id"), kind("entries", "id"),
		kind("entry_devices", "entry_id"), kind("entry_devices", "device_id"))
	steps := []struct {
		what  string
		count *int
		query string
	}{
		{"add events", &result.Events, `INSERT INTO events (id) SELECT DISTINCT event FROM g
			WHERE NOT EXISTS (SELECT FROM events e WHERE e.id = g.event) ON CONFLICT DO NOTHING`},
		{"move entries", &result.Moved, `UPDATE entries SET event_id = m.entry_event FROM (SELECT DISTINCT entry, entry_event FROM g) m
			WHERE entries.id = m.entry AND entries.event_id IS DISTINCT FROM m.entry_event`},
		{"add entries", &result.Entries, `INSERT INTO entries (id, event_id) SELECT DISTINCT entry, entry_event FROM g
			WHERE NOT EXISTS (SELECT FROM entries e WHERE e.id = g.entry) ON CONFLICT DO NOTHING`},
		{"add devices", &result.Devices, `INSERT INTO entry_devices (entry_id, device_id) SELECT DISTINCT device_entry, device FROM g
			WHERE NOT EXISTS (SELECT FROM entry_devices d WHERE d.entry_id = g.device_entry AND d.device_id = g.device)
			ON CONFLICT DO NOTHING`},
	}
	var args [3][]string
	for i := range im.rows {
		for k := range args {
			args[k] = append(args[k], *im.rows[i].field(k))
		}
	}
	for _, step := range steps {
		tag, err := im.tx.Exec(ctx, with+step.query, args[0], args[1], args[2])
		if err != nil {
			return ImportResult{}, fmt.Errorf("%s: %w%s", step.what, err, needsMore(err))
		}
		*step.count = int(tag.RowsAffected())
	}
	return result, nil
}

// needsMore explains that a row of the platform needs more than ids.
func needsMore(err error) string {
	if state := sqlState(err); state != notNullMissing && state != generatedAlways {
		return ""
	}
	detail := ""
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Detail != "" {
		detail = ", " + e.Detail
	}
	return " (the platform's table requires more columns than ids" + detail + ": create the row there first, then import)"
}
