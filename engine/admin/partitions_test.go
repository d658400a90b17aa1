package admin_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pitwall/engine/admin"
	"pitwall/engine/config"
	"pitwall/engine/internal/testenv"
)

// The partition commands, in the order in which an operator runs them.
func TestPartitionCommands(t *testing.T) {
	pg := config.Database{DatabaseURL: config.SecretURL(testenv.NewDatabase(t)), NotifyTriggers: true}
	embedded := config.Database{DataDir: filepath.Join(t.TempDir(), "data")}
	june := time.Date(2026, time.June, 30, 23, 0, 0, 0, time.UTC)
	type command func(context.Context, config.Database, *slog.Logger, io.Writer) error
	ensure := func(ahead int) command {
		return func(ctx context.Context, c config.Database, log *slog.Logger, out io.Writer) error {
			return admin.EnsurePartitions(ctx, c, june, ahead, log, out)
		}
	}
	for _, tt := range []struct {
		name string
		db   config.Database
		do   command
		out  string // "" when it fails
		err  []string
	}{
		{"enable on the embedded database", embedded, admin.EnablePartitions, "", []string{"DATABASE_URL is not set", "no partitions"}},
		{"ensure on the embedded database", embedded, ensure(2), "", []string{"DATABASE_URL is not set", "no partitions"}},
		{"enable on an empty database", pg, admin.EnablePartitions, "", []string{"pitwall migrate"}},
		{"migrate", pg, admin.MigrateUp, "applied 0001_tables.sql\napplied 0002_positions_faulty.sql\napplied 0003_notify.sql\napplied 0004_access.sql\napplied 0005_clocks_extras.sql\napplied 0006_notify_changes.sql\napplied 0007_roster_changes.sql\napplied 0008_links.sql\n", nil},
		{"ensure on one table", pg, ensure(2), "", []string{"not partitioned by month", "pitwall partition enable"}},
		{"enable", pg, admin.EnablePartitions, "positions is now partitioned by month; serve creates the months, or pitwall partition ensure does\n", nil},
		{"enable again", pg, admin.EnablePartitions, "positions is already partitioned by month\n", nil},
		{"ensure", pg, ensure(1), "created positions_2026_06\ncreated positions_2026_07\n", nil},
		{"ensure more", pg, ensure(2), "created positions_2026_08\n", nil},
		{"ensure again", pg, ensure(2), "every month up to 2026-08 exists\n", nil},
		{"migrate again", pg, admin.MigrateUp, "the database is up to date\n", nil},
	} {
		var out bytes.Buffer
		err := tt.do(t.Context(), tt.db, slog.New(slog.DiscardHandler), &out)
		if out.String() != tt.out || (err != nil) != (tt.err != nil) {
			t.Fatalf("%s: %v, prints %q; want %q", tt.name, err, out.String(), tt.out)
		}
		for _, want := range tt.err {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not say %q: %v", tt.name, want, err)
			}
		}
	}
	if _, err := os.Stat(embedded.DataDir); !os.IsNotExist(err) {
		t.Errorf("a refused command created the embedded database: %v", err)
	}
}
