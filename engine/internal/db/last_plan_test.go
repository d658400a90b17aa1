package db

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The newest rows are found through the index, so that the cost does not grow with the
// number of rows.
func TestLastPositionsUsesTheIndex(t *testing.T) {
	conformPositions(t, func(t *testing.T, d Database) {
		insert(t, d, full("a", epoch), full("b", epoch))
		probes := []probe{{"a", math.MinInt64, math.MaxInt64}, {"b", epoch - 1, epoch + 1}}
		plans := map[string]string{}
		switch d := d.(type) {
		case *postgres:
			for name, query := range map[string]string{"newest": newestRow, "shown": shownRow, "faulty": faultyRows} {
				plans[name] = lastPlan(t, d, query, probeArrays(probes)...)
			}
			plans["good"] = lastPlan(t, d, goodRows, append(probeArrays(probes), pageRows)...)
			plans["clocks"] = lastPlan(t, d, clockHistory, []string{"a"})
			plans["extras"] = lastPlan(t, d, extrasOfRow, probeArrays(probes)[:2]...)
		case *sqlite:
			for name, query := range map[string]string{"newest": newestRowSQLite, "shown": shownRowSQLite, "faulty": faultyRowsSQLite} {
				plans[name] = planSQLite(t, d, query, "a", int64(0), epoch)
			}
			plans["good"] = planSQLite(t, d, goodRowsSQLite, "a", int64(0), epoch, pageRows)
			plans["clocks"] = planSQLite(t, d, clockHistorySQLite, "a")
			plans["extras"] = planSQLite(t, d, extrasOfRowSQLite, "a", epoch)
		}
		for name, plan := range plans {
			for _, bad := range []string{"Seq Scan", "Bitmap", "Sort", "SCAN positions", "SCAN pitwall", "TEMP B-TREE"} {
				if strings.Contains(plan, bad) {
					t.Errorf("the plan of %s has a %s:\n%s", name, bad, plan)
				}
			}
			if !strings.Contains(plan, "_idx") && !strings.Contains(plan, "_pkey") && !strings.Contains(plan, "sqlite_autoindex") {
				t.Errorf("the plan of %s uses no index:\n%s", name, plan)
			}
		}
	})
}

// lastPlan is the plan of a statement of LastPositions.
func lastPlan(t *testing.T, d *postgres, query string, args ...any) string {
	t.Helper()
	tx, err := d.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), alongTheIndex, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	rows, err := tx.Query(t.Context(), "EXPLAIN (ANALYZE, COSTS off, TIMING off) "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}

func planSQLite(t *testing.T, d *sqlite, query string, args ...any) string {
	t.Helper()
	rows, err := d.read.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var a, b, c int
		var line string
		if err := rows.Scan(&a, &b, &c, &line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "\n")
}
