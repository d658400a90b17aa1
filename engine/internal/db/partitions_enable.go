package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func (p *postgres) EnablePartitions(ctx context.Context) (done bool, err error) {
	if err := p.CheckSchema(ctx); err != nil {
		return false, err
	}
	err = p.withDirect(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{BeginQuery: begin}, func(tx pgx.Tx) error {
			done, err = enablePartitionsIn(ctx, tx)
			return err
		})
	})
	if err != nil {
		return false, fmt.Errorf("partition positions: %w%s", err, dependents(err))
	}
	return done, nil
}

// enablePartitionsIn is EnablePartitions within a transaction. The table is checked again
// after it is locked, because a row may have been inserted in between.
func enablePartitionsIn(ctx context.Context, tx pgx.Tx) (bool, error) {
	if _, err := tx.Exec(ctx, catalogueSettings("LOCAL "), pgx.QueryExecModeSimpleProtocol); err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, $2)", partitionLock, lockMake); err != nil {
		return false, err
	}
	switch as, err := layout(ctx, tx); {
	case err != nil:
		return false, err
	case as == asPartitions:
		return false, nil
	case as != asTable:
		return false, requirePartitions(ctx, tx)
	}
	if err := requireEmpty(ctx, tx); err != nil { // before the lock makes others wait
		return false, err
	}
	if _, err := tx.Exec(ctx, "LOCK TABLE positions IN ACCESS EXCLUSIVE MODE"); err != nil {
		return false, err
	}
	if err := requireEmpty(ctx, tx); err != nil {
		return false, err
	}
	var lost *string
	if err := tx.QueryRow(ctx, wouldBeLost).Scan(&lost); err != nil {
		return false, err
	}
	if lost != nil {
		return false, fmt.Errorf("it has %s, which would be lost: remove that, enable partitions, and create it again", *lost)
	}
	_, err := tx.Exec(ctx, intoPartitions, pgx.QueryExecModeSimpleProtocol)
	return err == nil, err
}

// requireEmpty fails when positions holds a row.
func requireEmpty(ctx context.Context, q querier) error {
	var filled bool
	if err := q.QueryRow(ctx, "SELECT EXISTS (SELECT FROM positions)").Scan(&filled); err != nil || !filled {
		return err
	}
	return errors.New("it holds rows, and only an empty table is turned into partitions: " +
		"rename it, so that it becomes the first partition (\"A table that holds rows\" in engine/archive/README.md says how)")
}

// dependents names the objects that prevent replacing the table.
func dependents(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == dependentObjects {
		return " (" + e.Detail + "; drop that, enable partitions, and create it again)"
	}
	return ""
}

// wouldBeLost names what intoPartitions does not copy.
const wouldBeLost = `
	SELECT string_agg(what, ', ') FROM (
	    SELECT format('the rule %I', rulename) FROM pg_rewrite WHERE ev_class = 'positions'::regclass
	    UNION ALL SELECT format('the policy %I', polname) FROM pg_policy WHERE polrelid = 'positions'::regclass
	    UNION ALL SELECT 'row level security' FROM pg_class WHERE oid = 'positions'::regclass AND relrowsecurity
	    UNION ALL SELECT format('privileges on the column %I', attname) FROM pg_attribute
	        WHERE attrelid = 'positions'::regclass AND attacl IS NOT NULL
	    UNION ALL SELECT format('a place in the publication %I', pubname)
	        FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE prrelid = 'positions'::regclass
	    UNION ALL SELECT format('the switched off trigger %I', tgname) FROM pg_trigger
	        WHERE tgrelid = 'positions'::regclass AND NOT tgisinternal AND tgenabled <> 'O'
	    UNION ALL SELECT format('the parent %s', inhparent::regclass) FROM pg_inherits WHERE inhrelid = 'positions'::regclass
	    UNION ALL SELECT format('the child %s', inhrelid::regclass) FROM pg_inherits WHERE inhparent = 'positions'::regclass
	) AS lost(what)`

// intoPartitions replaces the empty table by a partitioned one, and creates its
// constraints, indexes, triggers and privileges again by their definitions and names.
// It fails when a view or a foreign key refers to the table.
const intoPartitions = `DO $$
DECLARE
    old    oid := 'positions'::regclass;
    schema text;
    name   text;
    owner  text;
    later  text[];
    again  text;
BEGIN
    SELECT n.nspname, format('%I.positions', n.nspname), pg_get_userbyid(c.relowner) INTO schema, name, owner
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = old;

    SELECT array_agg(def ORDER BY step) INTO later FROM (
        SELECT 1, format('ALTER TABLE %s ADD CONSTRAINT %I %s', name, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE conrelid = old AND contype IN ('p', 'u', 'x', 'f')
        UNION ALL
        SELECT 2, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = old AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = old AND conindid = indexrelid)
        UNION ALL
        SELECT 3, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = old AND NOT tgisinternal
        UNION ALL
        SELECT 4, format('GRANT %s ON %s TO %s%s', a.privilege_type, name,
                         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                         CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = old
        UNION ALL
        SELECT 5, format('COMMENT ON TABLE %s IS %L', name, obj_description(old, 'pg_class'))
        WHERE obj_description(old, 'pg_class') IS NOT NULL
    ) AS carried(step, def);

    EXECUTE format('ALTER TABLE %s RENAME TO positions_unpartitioned', name);
    EXECUTE format('CREATE TABLE %s (LIKE %I.positions_unpartitioned INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (ts)',
                   name, schema);
    EXECUTE format('ALTER TABLE %s OWNER TO %I', name, owner);
    FOR again IN
        SELECT format('ALTER SEQUENCE %s OWNED BY %s.%I', s.oid::regclass, name, a.attname)
        FROM pg_depend d
        JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.refobjid = old AND d.deptype = 'a'
    LOOP
        EXECUTE again;
    END LOOP;
    EXECUTE format('DROP TABLE %I.positions_unpartitioned', schema);
    FOREACH again IN ARRAY later LOOP
        EXECUTE again;
    END LOOP;
END
$$`
