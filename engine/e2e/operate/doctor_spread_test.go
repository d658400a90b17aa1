package operate

import (
	"fmt"
	"testing"

	"pitwall/engine/admin/doctor"
	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// Streams that share a node of a Cluster are reported, those on several nodes are fine.
func TestDoctorOfStreamsInACluster(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	c := testenv.SharedRedisCluster(t)
	s.RedisURL = c.URL()
	other := ""
	for i := 0; other == ""; i++ {
		if key := fmt.Sprint("stream:", i); c.Owner(key).Addr() != c.Owner(e2etest.Stream).Addr() {
			other = key
		}
	}
	const check = "streams in the Cluster"
	wantFinding(t, examine(t, s.Flags("--telemetry-streams={a}1,{a}2")...), doctor.Warning, check, "all 2 streams are on one node", "CLUSTER KEYSLOT")
	wantFinding(t, examine(t, s.Flags("--telemetry-streams="+e2etest.Stream+","+other)...), doctor.OK, check, "2 of them, on 2 nodes")
}

// A table of which much is dead rows is reported until it is vacuumed.
func TestDoctorOfBloat(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	wantFinding(t, examine(t, s.Flags()...), doctor.OK, "bloat", "no table")
	s.SQL(`ALTER TABLE entries SET (autovacuum_enabled = off);
		INSERT INTO entries SELECT 'gone-' || i, 'race' FROM generate_series(1, 12000) i;
		DELETE FROM entries WHERE id LIKE 'gone-%'`)
	s.Eventually("the statistics", func() bool {
		return s.Number("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'entries'") >= 12000
	})
	wantFinding(t, examine(t, s.Flags()...), doctor.Warning, "bloat", "entries (99 % of ", "last vacuum never", "VACUUM")
	s.SQL("VACUUM entries")
	s.Eventually("the statistics", func() bool {
		return s.Number("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'entries'") == 0
	})
	wantFinding(t, examine(t, s.Flags()...), doctor.OK, "bloat", "no table")
}
