package db

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

func (p *postgres) MakePartitions(ctx context.Context, months []time.Time) ([]string, error) {
	var made []string
	for _, m := range months {
		names, err := p.makeMonth(ctx, Month(m))
		if err != nil {
			return made, fmt.Errorf("make the partition of %s: %w%s", Month(m).Format("2006-01"), err, ownerHint(err))
		}
		made = append(made, names...)
	}
	return made, nil
}

// makeMonth makes the missing part of a month, in its own transaction. That takes no
// partition, one, or several if existing ones cover parts of the month. The advisory lock
// is taken before the partitions are read, so that two processes do not make the same one.
func (p *postgres) makeMonth(ctx context.Context, month time.Time) (made []string, err error) {
	tx, err := p.inserts.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if _, err := tx.Exec(ctx, catalogueSettings("LOCAL "), pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, err
	}
	if err := requirePartitions(ctx, tx); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", partitionLock, lockMake); err != nil {
		return nil, err
	}
	have, err := listPartitions(ctx, tx)
	if err != nil {
		return nil, err
	}
	taken := make([]span, len(have))
	for i, h := range have {
		taken[i] = h.span
	}
	for _, s := range (span{month, month.AddDate(0, 1, 0)}).free(taken) {
		name, err := p.makePartition(ctx, tx, s)
		if err != nil {
			return nil, err
		}
		made = append(made, name)
	}
	return made, tx.Commit(ctx)
}

// makePartition makes a table like positions and attaches it. Attaching does not block
// writers, while CREATE TABLE … PARTITION OF would. It also gives the table the row
// triggers of positions.
func (p *postgres) makePartition(ctx context.Context, tx pgx.Tx, s span) (string, error) {
	var schema, owner string
	var own bool
	err := tx.QueryRow(ctx, `
		SELECT n.nspname, pg_get_userbyid(c.relowner), pg_get_userbyid(c.relowner) = current_user
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass('positions')`).
		Scan(&schema, &owner, &own)
	if err != nil {
		return "", err
	}
	name, err := p.freeName(ctx, tx, schema, tableName(s.from))
	if err != nil {
		return "", err
	}
	table := pgx.Identifier{schema, name}.Sanitize()
	parent := pgx.Identifier{schema, "positions"}.Sanitize()
	// A partition cannot have identity columns of its own.
	sql := []string{"CREATE TABLE " + table + " (LIKE " + parent + " INCLUDING ALL EXCLUDING IDENTITY)"}
	if !own {
		sql = append(sql, "ALTER TABLE "+table+" OWNER TO "+pgx.Identifier{owner}.Sanitize())
	}
	sql = append(sql, fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')",
		parent, table, s.from.Format(time.RFC3339Nano), s.to.Format(time.RFC3339Nano)))
	for _, statement := range sql {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return "", err
		}
	}
	return name, nil
}

// freeName returns a name that no table has. The plain name is taken if the month was
// detached before.
func (p *postgres) freeName(ctx context.Context, tx pgx.Tx, schema, base string) (string, error) {
	for name, n := base, 2; ; n++ {
		var taken bool
		err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", pgx.Identifier{schema, name}.Sanitize()).Scan(&taken)
		if err != nil || !taken {
			return name, err
		}
		p.log.Warn("the name of the new month belongs to a table that is no partition: the month gets another name",
			"table", name)
		name = base + "_" + strconv.Itoa(n)
	}
}

// ownerHint says what to do about a missing permission.
func ownerHint(err error) string {
	if IsPermissionDenied(err) {
		return " (partitions are made by the owner of positions, who may create tables in its schema; " +
			"let that role run `pitwall partition ensure`, or be the one in DATABASE_URL)"
	}
	return ""
}
