package db

import (
	"fmt"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// LISTEN through PgBouncer in transaction mode is accepted but receives nothing. The log
// says so and names the setting to change. Without the pooler nothing is logged.
func TestSilentNotificationsAreLogged(t *testing.T) {
	pg, direct := testenv.Postgres(t), testenv.NewDatabase(t)
	migrated(t, Options{URL: direct, Logger: discard})
	pooled := testenv.PgBouncer(t, direct)
	for _, tt := range []struct {
		name   string
		o      Options
		silent bool
	}{
		{"through the pooler", Options{URL: pooled}, true},
		{"past the pooler", Options{URL: pooled, DirectURL: direct}, false},
		{"without a pooler", Options{URL: direct}, false},
		{"another database", Options{URL: direct, DirectURL: testenv.NewDatabase(t)}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := &sharedLog{}
			tt.o.Logger = log.logger()
			d := openDatabase(t, tt.o).(*postgres)
			d.checkEvery = 0 // check after every wait and every notification
			if tt.silent {
				d.idleCheckEvery, d.checkTimeout = time.Millisecond, 200*time.Millisecond // the whole timeout passes
			}
			e := startListen(t, d, ChannelRoster, ChannelPositions)
			if tt.silent {
				testenv.Eventually(t, within, "a warning", func() bool { return log.count("notifications do not arrive") > 0 })
				if log.count("DATABASE_DIRECT_URL") == 0 {
					t.Error("the setting to change is not named")
				}
				return
			}
			for i := range 5 {
				pg.Query(direct, fmt.Sprintf("NOTIFY pitwall_roster, '%d'", i))
				e.wantNotification(fmt.Sprintf("pitwall_roster %d", i)) // and no notification of the checks
			}
			e.end()
			if n := log.count("level="); n != 0 {
				t.Errorf("%d lines in the log although everything arrives", n)
			}
		})
	}
}

// The log names triggers that are missing or switched off, unless none are wanted, and
// says when they exist again.
func TestMissingTriggersAreLogged(t *testing.T) {
	pg, url := testenv.Postgres(t), migratedURL(t)
	log, quiet := &sharedLog{}, &sharedLog{}
	d := openDatabase(t, Options{URL: url, Logger: log.logger()}).(*postgres)
	without := openDatabase(t, Options{URL: url, Logger: quiet.logger(), NoTriggers: true}).(*postgres)
	pg.Query(url, "DROP TRIGGER pitwall_notify_roster_delete ON entries; ALTER TABLE events DISABLE TRIGGER pitwall_notify_roster_truncate")
	var calls []*listenCall
	for _, d := range []*postgres{d, without} {
		d.checkEvery = 0
		calls = append(calls, startListen(t, d, ChannelRoster, ChannelPositions, ChannelAccess))
	}
	testenv.Eventually(t, within, "a warning", func() bool { return log.count(`tables="entries, events"`) == 1 })
	pg.Query(url, `ALTER TABLE events ENABLE TRIGGER pitwall_notify_roster_truncate; CREATE TRIGGER pitwall_notify_roster_old
		AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION pitwall_notify_roster()`)
	pg.Query(url, "NOTIFY pitwall_roster, 'end'") // makes the next check run
	for _, e := range calls {
		e.wantNotification("pitwall_roster end")
	}
	testenv.Eventually(t, within, "the log line that they exist again", func() bool { return log.count("exist again") == 1 })
	for _, e := range calls {
		e.end()
	}
	if n := quiet.count("level="); n != 0 {
		t.Errorf("%d lines in the log although no triggers are wanted", n)
	}
}
