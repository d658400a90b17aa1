package db

import (
	"context"
	"slices"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// exec runs a statement on the connection that writes.
func exec(t *testing.T, d Database, statement string) {
	t.Helper()
	var err error
	switch d := d.(type) {
	case *postgres:
		_, err = d.pool.Exec(t.Context(), statement)
	case *sqlite:
		_, err = d.write.ExecContext(t.Context(), statement)
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestPublicEvents(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		if got, err := d.PublicEvents(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("empty table: %q, %v", got, err)
		}
		exec(t, d, "INSERT INTO pitwall_events (event_id, public) VALUES ('open', true), ('shut', false)")
		exec(t, d, "INSERT INTO pitwall_events (event_id) VALUES ('default')")
		exec(t, d, "INSERT INTO pitwall_events (event_id, public, delay_s) VALUES ('late', true, 600), ('shut and late', false, 1)")
		if got, err := d.PublicEvents(t.Context()); err != nil || !slices.Equal(got, []string{"open"}) {
			t.Errorf("got %q, %v, want [open]", got, err)
		}
		got, err := d.DelayedEvents(t.Context())
		if slices.Sort(got); err != nil || !slices.Equal(got, []string{"late", "shut and late"}) {
			t.Errorf("delayed are %q, %v", got, err)
		}
	})
}

func TestMayWatch(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		exec(t, d, "INSERT INTO pitwall_members (user_id, event_id) VALUES ('ada', 'rally'), ('42', '7')")
		for _, c := range []struct {
			name, query, user, event string
			want                     bool
		}{
			{"a member", "", "ada", "rally", true},
			{"another event", "", "ada", "tour", false},
			{"another user", "", "bob", "rally", false},
			{"ids are compared as text", "", "42", "7", true},
			{"case counts", "", "Ada", "rally", false},
			{"no injection", "", "x' OR '1'='1", "rally", false},
			{"a query of the operator", "SELECT true FROM pitwall_members WHERE event_id = $2 AND user_id = $1", "ada", "rally", true},
			{"a parameter twice", "SELECT 1 FROM pitwall_members WHERE user_id = $1 AND user_id = $1 AND event_id = $2", "ada", "rally", true},
			{"a row that says no", "SELECT count(*) FROM pitwall_members WHERE user_id = $1 AND event_id = $2", "bob", "rally", false},
			{"a row that says yes", "SELECT count(*) FROM pitwall_members WHERE user_id = $1 AND event_id = $2", "ada", "rally", true},
			{"a row with NULL", "SELECT max(1) FROM pitwall_members WHERE user_id = $1 AND event_id = $2", "bob", "rally", false},
		} {
			if got, err := d.MayWatch(t.Context(), c.query, c.user, c.event); err != nil || got != c.want {
				t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
			}
		}
		if yes, err := d.MayWatch(t.Context(), "SELECT 1 FROM nowhere WHERE $1 = $2", "ada", "rally"); err == nil || yes {
			t.Errorf("a query that fails: %v, %v; want an error", yes, err)
		}
	})
}

func TestRevoke(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ready, notified, ended := make(chan struct{}, 1), make(chan struct{}, 10), make(chan struct{})
		go func() {
			defer close(ended)
			_ = d.Listen(ctx, []string{ChannelAccess}, func() { ready <- struct{}{} }, func(string, string) { notified <- struct{}{} })
		}()
		<-ready
		end := time.Now().Add(time.Hour)
		for token, at := range map[string]time.Time{"a": end, "long ago": time.Now().Add(-2 * revocationMargin), "just now": time.Now()} {
			if err := d.Revoke(t.Context(), token, at); err != nil {
				t.Error(err)
			}
		}
		if err := d.Revoke(t.Context(), "a", time.Now().Add(-3*revocationMargin)); err != nil {
			t.Errorf("revoke again: %v", err)
		}
		testenv.Eventually(t, 20*time.Second, "a notification", func() bool { return len(notified) > 0 })
		got, err := d.Revocations(t.Context())
		slices.Sort(got)
		if err != nil || !slices.Equal(got, []string{"a", "just now"}) {
			t.Errorf("got %q, %v, want [a, just now]", got, err)
		}
		cancel()
		<-ended
	})
}

// TestRepeatedRevocationsDoNotNotify: repeating a revocation sends no notification,
// because each one makes listeners check every session.
func TestRepeatedRevocationsDoNotNotify(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		e := startListen(t, d, ChannelAccess, ChannelRoster)
		end := time.Now().Add(time.Hour)
		revoke := func(at time.Time) {
			t.Helper()
			if err := d.Revoke(t.Context(), "a", at); err != nil {
				t.Fatal(err)
			}
		}
		revoke(end)
		e.wantNotification(ChannelAccess + " ")
		revoke(end)
		revoke(end.Add(-time.Minute))
		importRows(t, d, false, RosterRow{2, "E1", "n1", "d1"})
		e.wantNotification(ChannelRoster + " ")
		revoke(end.Add(time.Minute))
		e.wantNotification(ChannelAccess + " ")
		e.end()
		if n := len(e.received); n > 0 {
			t.Errorf("received %d notifications too many", n)
		}
	})
}

// TestAccessTablesNotify: on PostgreSQL every write to the tables notifies, also a
// write by the platform.
func TestAccessTablesNotify(t *testing.T) {
	d := openDatabase(t, Options{URL: migratedURL(t), Logger: discard})
	ctx, cancel := context.WithCancel(t.Context())
	ready, notified, ended := make(chan struct{}, 1), make(chan struct{}, 10), make(chan struct{})
	go func() {
		defer close(ended)
		_ = d.Listen(ctx, []string{ChannelAccess}, func() { ready <- struct{}{} }, func(string, string) { notified <- struct{}{} })
	}()
	<-ready
	for _, statement := range []string{
		"INSERT INTO pitwall_events (event_id, public) VALUES ('e', true)",
		"UPDATE pitwall_events SET public = false",
		"INSERT INTO pitwall_members VALUES ('u', 'e')",
		"DELETE FROM pitwall_members",
		"INSERT INTO pitwall_revocations VALUES ('t', now())",
		"TRUNCATE pitwall_revocations",
	} {
		exec(t, d, statement)
		select {
		case <-notified:
		case <-time.After(20 * time.Second):
			t.Errorf("%s: no notification", statement)
		}
	}
	cancel()
	<-ended
}
