package archive

import (
	"testing"

	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
)

// When commits do not wait for the standby, acknowledged rows can be lost with the
// primary, and nothing reports it. The README documents that.
func TestUnreplicatedCommitsAreLostWithThePrimary(t *testing.T) {
	for _, tt := range []struct{ name, standbys, commit string }{
		{"an asynchronous standby", "", "on"},
		{"synchronous_commit=local", "standby", "local"},
		{"synchronous_commit=off", "standby", "off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			primary, standby := testenv.PostgresPair(t)
			r := newRig(t, testenv.Redis(t).URL(), migrate(t, db.Options{URL: primary.URL()}))
			r.eventually("the standby to have the table", func() bool {
				return standby.Query(standby.URL(), "SELECT to_regclass('positions') IS NOT NULL") == "t"
			})
			standby.Query(standby.URL(), "ALTER SYSTEM SET primary_conninfo = ''")
			standby.Query(standby.URL(), "SELECT pg_reload_conf()")
			r.eventually("the standby to be cut off", func() bool {
				return primary.Query(r.pgURL, "SELECT count(*) FROM pg_stat_replication") == "0"
			})
			primary.Query(r.pgURL, "ALTER SYSTEM SET synchronous_standby_names = '"+tt.standbys+"'")
			primary.Query(r.pgURL, "ALTER SYSTEM SET synchronous_commit = '"+tt.commit+"'")
			primary.Query(r.pgURL, "SELECT pg_reload_conf()")
			r.reopen() // the settings apply to new sessions
			const n = 50
			r.publish(stream, 0, n)
			a := r.newArchive(nil)
			r.run(a)
			r.eventually("every row", func() bool { return r.metric("processor_archive_rows_total") == n })
			r.wantNothingPends(stream)
			if err := a.Ready(); err != nil {
				t.Errorf("not ready: %v", err)
			}
			r.wantMetric("processor_archive_lost_total", 0)
			primary.Crash()
			standby.Promote()
			if rows := standby.Query(standby.URL(), "SELECT count(*) FROM positions"); rows != "0" {
				t.Errorf("the promoted standby has %s rows that it was never sent", rows)
			}
		})
	}
}

// With synchronous_commit=off, acknowledged commits are lost when the server's process
// dies, and nothing reports it. With "on", none is lost.
func TestCommitsLostByAKilledPostgres(t *testing.T) {
	const n = 50
	for commit, want := range map[string]string{"off": "0", "on": "50"} {
		t.Run("synchronous_commit="+commit, func(t *testing.T) {
			server := testenv.OwnPostgres(t)
			r := newRig(t, testenv.Redis(t).URL(), migrate(t, db.Options{URL: server.URL()}))
			server.Query(r.pgURL, "ALTER SYSTEM SET synchronous_commit = '"+commit+"'")
			server.Query(r.pgURL, "SELECT pg_reload_conf()")
			r.reopen() // the settings apply to new sessions
			server.SuspendWALWriter()
			r.publish(stream, 0, n)
			stop := r.run(r.newArchive(nil))
			r.eventually("every row", func() bool { return r.metric("processor_archive_rows_total") == n })
			r.wantNothingPends(stream)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			server.Crash()
			server.Start()
			if rows := server.Query(r.pgURL, "SELECT count(*) FROM positions"); rows != want {
				t.Errorf("the server has %s rows, want %s", rows, want)
			}
		})
	}
}

// A killed Redis without AOF loses what was not archived. With AOF it keeps everything
// that it acknowledged. With everysec, only a power cut can lose the last second.
func TestRecordsLostByAKilledRedis(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options []testenv.RedisOption
		rows    int
	}{
		{"no AOF", nil, 10},
		{"everysec", []testenv.RedisOption{testenv.Args("--appendonly", "yes", "--appendfsync", "everysec")}, 60},
		{"always", []testenv.RedisOption{testenv.AOF()}, 60},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := testenv.Redis(t, tt.options...)
			r := newRig(t, server.URL(), "")
			r.publish(stream, 0, 50)
			server.Kill()
			server.Start()
			r.eventually("the client to come back", func() bool { return r.client.Ping(t.Context()) == nil })
			r.publish(stream, 50, 10)
			r.run(r.newArchive(nil))
			r.eventually("the rows", func() bool { return r.metric("processor_archive_rows_total") == tt.rows })
			r.wantNothingPends(stream)
			r.wantMetric("processor_archive_lost_total", 0)
			if n := len(r.deadLetters(stream)); n != 0 {
				t.Errorf("%d dead letters", n)
			}
		})
	}
}
