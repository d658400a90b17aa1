package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	memberQuery = "SELECT 1 FROM pitwall_members WHERE user_id = $1 AND event_id = $2"

	// readOnlyTransaction is the SQLSTATE of a write in a read-only transaction.
	readOnlyTransaction = "25006"
)

// errNaN says that NaN is neither yes nor no.
var errNaN = errors.New("the first column is NaN, which is no answer")

// wrongType is the error for a column that is not a boolean or a number. Text is
// refused, because 'false' and '0' would be ambiguous.
func wrongType(name string) error {
	return fmt.Errorf("the first column is %s, want a boolean or a number; if each row means yes, begin the query with SELECT true", name)
}

func (p *postgres) Sessions() int { return int(p.pool.Config().MaxConns) }

func (s *sqlite) Sessions() int { return s.read.Stats().MaxOpenConnections }

// MayWatch asks in a read-only transaction, with one round trip.
func (p *postgres) MayWatch(ctx context.Context, query, user, event string) (yes bool, err error) {
	if query == "" {
		query = memberQuery
	}
	var answer error
	err = p.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		var b pgx.Batch
		b.Queue("BEGIN READ ONLY")
		b.Queue(setLocal)
		b.Queue(query, user, event).Query(func(rows pgx.Rows) error {
			yes, answer = readAnswer(c.Conn().TypeMap(), rows)
			return nil // an error would skip the COMMIT
		})
		b.Queue("COMMIT")
		noted := c.Conn().PgConn().CustomData()
		noted[readOnly] = true // a refused write of this query does not mean that the server is read-only
		defer delete(noted, readOnly)
		err := c.SendBatch(ctx, &b).Close()
		if err != nil && c.Conn().PgConn().TxStatus() != 'I' {
			_, _ = c.Exec(ctx, "ROLLBACK") // if it fails, the pool closes the connection
		}
		return err
	})
	if err == nil {
		err = answer
	}
	if sqlState(err) == readOnlyTransaction {
		return false, fmt.Errorf("ask who may watch: the query tries to write, which is not allowed: %w", err)
	}
	if err != nil {
		return false, fmt.Errorf("ask who may watch: %w", err)
	}
	return yes, nil
}

// readAnswer reads the first column of the first row: true or a number other than 0
// is a yes. A wrong type is an error even if there is no row.
func readAnswer(types *pgtype.Map, rows pgx.Rows) (yes bool, err error) {
	defer rows.Close()
	if !rows.Next() && rows.Err() != nil {
		return false, rows.Err()
	}
	fields := rows.FieldDescriptions()
	if err := checkAnswer(types, fields); err != nil {
		return false, err
	}
	raw := rows.RawValues()
	if len(raw) == 0 {
		return false, nil // no row
	}
	oid, format := fields[0].DataTypeOID, fields[0].Format
	switch oid {
	case pgtype.BoolOID:
		var v pgtype.Bool
		err = types.Scan(oid, format, raw[0], &v)
		return v.Bool, err
	case pgtype.Float4OID, pgtype.Float8OID:
		var v pgtype.Float8
		err = types.Scan(oid, format, raw[0], &v)
		return numberAnswer(v.Float64, err)
	case pgtype.NumericOID:
		var v pgtype.Numeric
		err = types.Scan(oid, format, raw[0], &v)
		if err == nil && v.NaN {
			err = errNaN
		}
		return err == nil && v.Valid && (v.InfinityModifier != pgtype.Finite || v.Int.Sign() != 0), err
	}
	var v pgtype.Int8
	err = types.Scan(oid, format, raw[0], &v)
	return v.Int64 != 0, err
}

// numberAnswer converts a number.
func numberAnswer(v float64, err error) (bool, error) {
	if err == nil && math.IsNaN(v) {
		err = errNaN
	}
	return err == nil && v != 0, err
}

// checkAnswer returns an error when the first column has a wrong type.
func checkAnswer(types *pgtype.Map, fields []pgconn.FieldDescription) error {
	if len(fields) == 0 {
		return wrongType("missing")
	}
	switch oid := fields[0].DataTypeOID; oid {
	case pgtype.BoolOID, pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		return nil
	default:
		if t, known := types.TypeForOID(oid); known {
			return wrongType("of the type " + t.Name)
		}
		return wrongType(fmt.Sprintf("of the type with the OID %d", oid))
	}
}

// CheckQuery lets the server describe the query. It uses a direct connection, because
// a pooler may send the two messages to different sessions. Parameters are text, as
// MayWatch sends them.
func (p *postgres) CheckQuery(ctx context.Context, query string) error {
	if query == "" {
		return nil
	}
	var wrong error
	err := p.withDirect(ctx, func(conn *pgx.Conn) error {
		var d *pgconn.StatementDescription
		if d, wrong = conn.PgConn().Prepare(ctx, "", query, []uint32{pgtype.TextOID, pgtype.TextOID}); wrong == nil {
			wrong = checkAnswer(conn.TypeMap(), d.Fields)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("describe the query at the server of DATABASE_DIRECT_URL, or of DATABASE_URL without it: %w", err)
	}
	return wrong
}

// numbered turns PostgreSQL's parameters into SQLite's, which would bind $1 by name.
var numbered = strings.NewReplacer("$1", "?1", "$2", "?2")

func (s *sqlite) MayWatch(ctx context.Context, query, user, event string) (bool, error) {
	if query == "" {
		query = memberQuery
	}
	var v any
	err := s.read.QueryRowContext(ctx, numbered.Replace(query), user, event).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	yes := false
	if err == nil {
		yes, err = valueAnswer(v)
	}
	if err != nil {
		return false, fmt.Errorf("ask who may watch: %w", err)
	}
	return yes, nil
}

// valueAnswer converts a value. In SQLite values have types, columns do not.
func valueAnswer(v any) (bool, error) {
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case int64:
		return v != 0, nil
	case float64:
		return numberAnswer(v, nil)
	case string:
		return false, wrongType("text")
	case []byte:
		return false, wrongType("a blob")
	}
	return false, wrongType("a time")
}

// CheckQuery checks the declared type of the first column. The type of an expression is
// not known before its value.
func (s *sqlite) CheckQuery(ctx context.Context, query string) error {
	if query == "" {
		return nil
	}
	rows, err := s.read.QueryContext(ctx, numbered.Replace(query), "", "")
	if err != nil {
		return fmt.Errorf("prepare the query: %w", err)
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return fmt.Errorf("read the columns of the query: %w", err)
	}
	if len(columns) == 0 {
		return wrongType("missing")
	}
	declared := strings.ToUpper(columns[0].DatabaseTypeName())
	for _, kind := range []string{"CHAR", "CLOB", "TEXT", "BLOB", "DATE", "TIME"} {
		if strings.Contains(declared, kind) {
			return wrongType("of the type " + declared)
		}
	}
	return rows.Err()
}
