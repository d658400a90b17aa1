package db

import (
	"strings"
	"testing"

	"pitwall/engine/internal/testenv"
)

// TestOnlyTrueAndNonzeroNumbersAllow: every other value is a no, or an error.
func TestOnlyTrueAndNonzeroNumbersAllow(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		_, pg := d.(*postgres)
		for _, c := range []struct {
			column string
			want   bool
			bad    bool // an error
		}{
			{"true", true, false}, {"false", false, false}, {"NULL::boolean", false, false},
			{"1", true, false}, {"0", false, false}, {"-1", true, false}, {"1::smallint", true, false}, {"0::bigint", false, false},
			{"0.0", false, false}, {"0.5", true, false}, {"0::numeric", false, false}, {"0.00::numeric(9,2)", false, false}, {"NULL::numeric", false, false},
			{"0::float8", false, false}, {"-0.0::float8", false, false}, {"0.1::float8", true, false}, {"0::real", false, false}, {"2::real", true, false},
			{"'NaN'::float8", false, true}, {"'NaN'::real", false, true}, {"'NaN'::numeric", false, true},
			{"'false'", false, true}, {"'0'", false, true}, {"''", false, true}, {"'true'", false, true}, {"NULL::text", false, true},
			{"'t'::varchar", false, true}, {"now()", false, true}, {"'{}'::json", false, true}, {"'true'::jsonb", false, true},
			{"'\\x00'::bytea", false, true}, {"ARRAY[true]", false, true}, {"interval '1 day'", false, true},
		} {
			if !pg && strings.ContainsAny(c.column, ":(A") || !pg && strings.HasPrefix(c.column, "interval") {
				continue // syntax of PostgreSQL
			}
			query := "SELECT " + c.column + " WHERE $1 <> $2"
			if yes, err := d.MayWatch(t.Context(), query, "u", "e"); yes != c.want || (err != nil) != c.bad {
				t.Errorf("%s: %t, %v; want %t, and an error: %t", c.column, yes, err, c.want, c.bad)
			}
			typed := c.bad && !strings.Contains(c.column, "NaN")
			if !pg || !typed {
				continue
			}
			if yes, err := d.MayWatch(t.Context(), query, "u", "u"); yes || err == nil {
				t.Errorf("%s, without a row: %t, %v; want an error", c.column, yes, err)
			}
		}
		if !pg {
			for _, column := range []string{"x'00'", "CAST('1' AS TEXT)", "CAST(1 AS BLOB)"} {
				if yes, err := d.MayWatch(t.Context(), "SELECT "+column+" WHERE $1 <> $2", "u", "e"); yes || err == nil {
					t.Errorf("%s: %t, %v; want an error", column, yes, err)
				}
			}
		}
	})
}

// TestCheckQuery: a wrong type of the first column is found without running the query.
func TestCheckQuery(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		for query, want := range map[string]string{
			"": "",
			"SELECT true FROM pitwall_members WHERE user_id = $1 AND event_id = $2":         "",
			"SELECT count(*) FROM pitwall_members WHERE user_id = $1 AND event_id = $2":     "",
			"SELECT user_id FROM pitwall_members WHERE user_id = $1 AND event_id = $2":      "SELECT true",
			"SELECT 1 FROM nowhere WHERE $1 = $2":                                           "nowhere",
			"SELECT device_id FROM pitwall_clocks WHERE device_id = $1 AND device_id <> $2": "SELECT true",
		} {
			err := d.CheckQuery(t.Context(), query)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", query, err, want)
			}
		}
		if _, pg := d.(*postgres); !pg {
			return
		}
		for _, query := range []string{"SELECT $1 = $2, 'x'", "SELECT 1.5 WHERE $1 = $2", "SELECT true"} {
			if err := d.CheckQuery(t.Context(), query); err != nil {
				t.Errorf("%q: %v", query, err)
			}
		}
		for _, query := range []string{"SELECT $1", "SELECT FROM events WHERE $1 = $2", "SELECT now() WHERE $1 = $2",
			"SELECT 1 WHERE $1 = 5 AND $2 = ''"} { // the user is text, as for MayWatch
			if err := d.CheckQuery(t.Context(), query); err == nil {
				t.Errorf("%q: no error", query)
			}
		}
	})
}

// The check uses the direct connection, because with a pooler a prepared statement may
// be on another session. When it cannot connect, the error names the setting.
func TestCheckQueryUsesTheDirectConnection(t *testing.T) {
	direct := migratedURL(t)
	pooled := testenv.PgBouncer(t, direct)
	d := openDatabase(t, Options{URL: pooled, DirectURL: direct, Logger: discard})
	const text = "SELECT user_id FROM pitwall_members WHERE user_id = $1 AND event_id = $2"
	if err := d.CheckQuery(t.Context(), text); err == nil || !strings.Contains(err.Error(), "SELECT true") {
		t.Errorf("a text column: %v", err)
	}
	if yes, err := d.MayWatch(t.Context(), text, "u", "e"); yes || err == nil {
		t.Errorf("a text column through the pooler: %t, %v", yes, err)
	}
	unreachable := openDatabase(t, Options{URL: pooled, DirectURL: "postgres://127.0.0.1:1/none", Logger: discard})
	if err := unreachable.CheckQuery(t.Context(), text); err == nil || !strings.Contains(err.Error(), "DATABASE_DIRECT_URL") {
		t.Errorf("no server at the direct URL: %v", err)
	}
}
