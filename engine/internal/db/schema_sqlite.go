package db

import (
	"context"
	"slices"
)

func (s *sqlite) CheckSchema(ctx context.Context) error {
	problems, err := s.missingSchema(ctx)
	if err != nil {
		return err
	}
	return missingError(problems, outdated)
}

func (s *sqlite) missingSchema(ctx context.Context) ([]string, error) {
	columns := schema{}
	for _, table := range wantedTables() {
		names, err := collectSQLite(ctx, s.read, "read the schema", scanText, "SELECT name FROM pragma_table_info(?)", table)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			columns.add(table, name, column{kind: wantedKind(table, name)})
		}
	}
	problems := missingColumns(columns)
	indexes, err := collectSQLite(ctx, s.read, "read the schema", scanText, `
		SELECT l.name FROM pragma_index_list('positions') l
		WHERE l."unique" AND NOT l.partial
		  AND (SELECT group_concat(i.name) FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno) i) = 'device_id,ts'`)
	if err != nil {
		return nil, err
	}
	if len(indexes) == 0 && columns["positions"] != nil {
		problems = append(problems, "a UNIQUE index on positions (device_id, ts)")
	}
	return problems, nil
}

// wantedKind returns the type of a column in the embedded database. The file is
// Pitwall's own, so the types are those of its migrations.
func wantedKind(table, name string) string {
	i := slices.IndexFunc(wanted, func(w want) bool { return w.table == table && w.column == name })
	if i < 0 || len(wanted[i].kinds) == 0 {
		return ""
	}
	return wanted[i].kinds[0]
}

func (s *sqlite) tables(ctx context.Context) ([]string, error) {
	return collectSQLite(ctx, s.read, "read the schema", scanText, "SELECT name FROM sqlite_schema WHERE type = 'table'")
}
