package db

import (
	"context"
	"fmt"
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
	columns := map[string]map[string]column{}
	for _, w := range wanted {
		if columns[w.table] != nil {
			continue
		}
		names, err := s.column(ctx, "read the schema", "SELECT name FROM pragma_table_info(?)", w.table)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if columns[w.table] == nil {
				columns[w.table] = map[string]column{}
			}
			// The file is Pitwall's own: the types are those of its migrations.
			kind := ""
			if i := slices.IndexFunc(wanted, func(x want) bool { return x.table == w.table && x.column == name }); i >= 0 && len(wanted[i].kinds) > 0 {
				kind = wanted[i].kinds[0]
			}
			columns[w.table][name] = column{kind: kind}
		}
	}
	problems := missingColumns(columns)
	indexes, err := s.column(ctx, "read the schema", `
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

func (s *sqlite) tables(ctx context.Context) ([]string, error) {
	return s.column(ctx, "read the schema", "SELECT name FROM sqlite_schema WHERE type = 'table'")
}

// column returns the only column of a query, which is text.
func (s *sqlite) column(ctx context.Context, what, query string, args ...any) ([]string, error) {
	list, err := s.strings(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return list, nil
}

// strings runs a query with one column of text.
func (s *sqlite) strings(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
