package db

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// column is a column in the catalogue. Types are named as by format_type; length is that
// of varchar(n), or 0.
type column struct {
	kind       string
	length     int
	notNull    bool
	hasDefault bool
}

// schema holds columns by table and name.
type schema map[string]map[string]column

func (s schema) add(table, name string, c column) {
	if s[table] == nil {
		s[table] = map[string]column{}
	}
	s[table][name] = c
}

// want is a column that Pitwall needs, of one of kinds, or of any kind when empty.
type want struct {
	table, column string
	kinds         []string
	nullable      bool // Pitwall writes NULL into it
}

var (
	textKinds = []string{"text", "character varying"}
	intKinds  = []string{"integer", "bigint"}
	double    = []string{"double precision"}
	instant   = []string{"timestamp with time zone"}
)

// wanted lists every column that Pitwall reads or writes. Ids of the roster may be of
// any type, because they are cast to text.
var wanted = []want{
	{table: "events", column: "id"},
	{table: "entries", column: "id"},
	{table: "entries", column: "event_id"},
	{table: "entry_devices", column: "entry_id"},
	{table: "entry_devices", column: "device_id"},
	{table: "positions", column: "device_id", kinds: textKinds},
	{table: "positions", column: "ts", kinds: instant},
	{table: "positions", column: "lat", kinds: double},
	{table: "positions", column: "lon", kinds: double},
	{table: "positions", column: "alt", kinds: double, nullable: true},
	{table: "positions", column: "speed", kinds: double, nullable: true},
	{table: "positions", column: "course", kinds: double, nullable: true},
	{table: "positions", column: "sats", kinds: intKinds, nullable: true},
	{table: "positions", column: "priority", kinds: intKinds, nullable: true},
	{table: "positions", column: "codec", kinds: textKinds, nullable: true},
	{table: "positions", column: "attributes", kinds: []string{"json"}, nullable: true},
	{table: "positions", column: "received_at", kinds: instant},
	{table: "positions", column: "faulty", kinds: []string{"boolean"}},
	{table: "pitwall_events", column: "event_id"},
	{table: "pitwall_events", column: "public", kinds: []string{"boolean"}},
	{table: "pitwall_events", column: "delay_s", kinds: intKinds},
	{table: "pitwall_members", column: "user_id"},
	{table: "pitwall_members", column: "event_id"},
	{table: "pitwall_revocations", column: "token_id", kinds: textKinds},
	{table: "pitwall_revocations", column: "expires_at", kinds: instant},
	{table: "pitwall_links", column: "link_id", kinds: textKinds},
	{table: "pitwall_links", column: "event_id", kinds: textKinds},
	{table: "pitwall_links", column: "expires_at", kinds: instant},
	{table: "pitwall_links", column: "max_connections", kinds: intKinds},
	{table: "pitwall_links", column: "created_at", kinds: instant},
	{table: "pitwall_clocks", column: "device_id", kinds: textKinds},
	{table: "pitwall_clocks", column: "since_arrival", kinds: instant},
	{table: "pitwall_clocks", column: "offset_ms", kinds: []string{"bigint"}},
	{table: "pitwall_extras", column: "device_id", kinds: textKinds},
	{table: "pitwall_extras", column: "ts", kinds: instant},
	{table: "pitwall_extras", column: "content_hash", kinds: []string{"bigint"}},
	{table: "pitwall_extras", column: "attributes", kinds: []string{"json"}},
}

// wantedTables lists the tables of wanted, once each.
func wantedTables() []string {
	var names []string
	for _, w := range wanted {
		if !slices.Contains(names, w.table) {
			names = append(names, w.table)
		}
	}
	return names
}

// longestDevice is the longest device id, in characters, that positions must hold.
const longestDevice = 64

// missingError makes an error of a list, nil of an empty one.
func missingError(problems []string, what string) error {
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", what, strings.Join(problems, "; "))
}

// outdated begins the error of CheckSchema.
const outdated = "the database is behind, run `pitwall migrate`; missing or wrong"

func (p *postgres) CheckSchema(ctx context.Context) error {
	problems, err := p.missingSchema(ctx)
	if err != nil {
		return err
	}
	if err := missingError(problems, outdated); err != nil {
		return err
	}
	return p.checkArchive(ctx)
}

// missingSchema compares the catalogue with wanted.
func (p *postgres) missingSchema(ctx context.Context) (problems []string, err error) {
	err = p.inTx(ctx, func(tx pgx.Tx) error {
		problems, err = missingSchemaIn(ctx, tx)
		return err
	})
	return problems, err
}

func missingSchemaIn(ctx context.Context, q querier) ([]string, error) {
	columns, err := columnsOf(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	problems := missingColumns(columns)
	if columns["positions"] == nil {
		return problems, nil
	}
	problems = append(problems, unfilledColumns(columns["positions"])...)
	index, err := indexState(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	if index != "" {
		problems = append(problems, index)
	}
	return problems, nil
}

// missingColumns names tables and columns that are missing or of a wrong type.
func missingColumns(columns schema) []string {
	var problems []string
	missing := map[string]bool{}
	for _, w := range wanted {
		if columns[w.table] == nil {
			if !missing[w.table] {
				missing[w.table] = true
				problems = append(problems, "table "+w.table)
			}
			continue
		}
		name := w.table + "." + w.column
		c, ok := columns[w.table][w.column]
		switch {
		case !ok:
			problems = append(problems, "column "+name+" (migration "+migrationOf(w)+")")
		case len(w.kinds) > 0 && !slices.Contains(w.kinds, c.kind):
			problems = append(problems, fmt.Sprintf("%s is %s, want %s (ALTER TABLE %s ALTER COLUMN %s TYPE %[3]s)",
				name, c.kind, w.kinds[0], w.table, w.column))
		case name == "positions.device_id" && c.length > 0 && c.length < longestDevice:
			problems = append(problems, fmt.Sprintf("%s holds %d characters, want %d (ALTER TABLE positions ALTER COLUMN device_id TYPE text)",
				name, c.length, longestDevice))
		case w.nullable && c.notNull:
			problems = append(problems, fmt.Sprintf("%s is NOT NULL (ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL)",
				name, w.table, w.column))
		}
	}
	return problems
}

// migrationOf names the file that makes a column.
func migrationOf(w want) string {
	switch {
	case w.table == "positions" && w.column == "faulty":
		return "0002_positions_faulty.sql"
	case w.table == "pitwall_clocks" || w.table == "pitwall_extras":
		return "0005_clocks_extras.sql"
	case w.table == "pitwall_links":
		return "0008_links.sql"
	case strings.HasPrefix(w.table, "pitwall_"):
		return "0004_access.sql"
	}
	return "0001_tables.sql"
}

// unfilledColumns names columns of positions that require a value and that Pitwall does
// not fill.
func unfilledColumns(have map[string]column) []string {
	var problems []string
	for name, c := range have {
		known := slices.ContainsFunc(wanted, func(w want) bool { return w.table == "positions" && w.column == name })
		if !known && c.notNull && !c.hasDefault {
			problems = append(problems, fmt.Sprintf("positions.%s is NOT NULL without a default, and Pitwall does not fill it "+
				"(ALTER TABLE positions ALTER COLUMN %[1]s DROP NOT NULL)", name))
		}
	}
	slices.Sort(problems)
	return problems
}

// columnsOf reads the columns of the wanted tables, by table and name. to_regclass finds
// the tables through the search path, as statements do.
func columnsOf(ctx context.Context, q querier) (schema, error) {
	rows, err := q.Query(ctx, `
		SELECT c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull,
		       a.atthasdef OR a.attidentity <> '',
		       CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE a.attrelid IN (SELECT to_regclass(t) FROM unnest($1::text[]) AS t)
		  AND a.attnum > 0 AND NOT a.attisdropped`, wantedTables())
	if err != nil {
		return nil, err
	}
	columns := schema{}
	var table, name string
	var c column
	_, err = pgx.ForEachRow(rows, []any{&table, &name, &c.kind, &c.notNull, &c.hasDefault, &c.length}, func() error {
		columns.add(table, name, c)
		return nil
	})
	return columns, err
}

// indexState returns what is wrong with the unique index of positions, or "".
// The conditions are those of migration 0002.
func indexState(ctx context.Context, q querier) (string, error) {
	var ok bool
	var named, deferrable *string
	err := q.QueryRow(ctx, `
		SELECT EXISTS (
		    SELECT FROM pg_index i
		    WHERE i.indrelid = to_regclass('positions')
		      AND i.indisunique AND i.indisvalid AND i.indisready AND i.indimmediate
		      AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = 2
		      AND (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]) = 'device_id'
		      AND (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[1]) = 'ts'),
		  (SELECT pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
		   FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		   WHERE i.indrelid = to_regclass('positions') AND c.relname = 'positions_device_ts_idx'),
		  (SELECT quote_ident(c.conname) FROM pg_constraint c JOIN pg_index i ON i.indexrelid = c.conindid
		   WHERE c.conrelid = to_regclass('positions') AND c.contype IN ('p', 'u') AND c.condeferrable AND i.indnkeyatts = 2
		     AND (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = i.indrelid
		          AND a.attnum = ANY (i.indkey[0:1]) AND a.attname IN ('device_id', 'ts')) = 2
		   LIMIT 1)`).Scan(&ok, &named, &deferrable)
	switch {
	case err != nil:
		return "", err
	case deferrable != nil:
		return "constraint " + *deferrable + " of positions is deferrable (ALTER TABLE positions DROP CONSTRAINT " + *deferrable + ")", nil
	case ok:
		return "", nil
	case named != nil:
		return "positions_device_ts_idx is not a valid UNIQUE index on (device_id, ts DESC) but " + *named +
			" (drop it: DROP INDEX positions_device_ts_idx)", nil
	}
	return "a UNIQUE index on positions (device_id, ts) " +
		"(CREATE UNIQUE INDEX positions_device_ts_idx ON positions (device_id, ts DESC))", nil
}
