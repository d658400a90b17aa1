package db

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// within bounds what a test waits for.
const within = 30 * time.Second

// listenCall is a running Listen whose calls are sent to channels.
type listenCall struct {
	t        *testing.T
	ready    chan struct{}
	received chan string
	stop     context.CancelFunc
	ended    chan error
}

func startListen(t *testing.T, d Database, channels ...string) *listenCall {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	e := &listenCall{t: t, ready: make(chan struct{}, 100), received: make(chan string, 100), stop: cancel, ended: make(chan error, 1)}
	go func() {
		e.ended <- d.Listen(ctx, channels, func() { e.ready <- struct{}{} }, func(channel, payload string) {
			e.received <- channel + " " + payload
		})
	}()
	t.Cleanup(e.end)
	e.wait("ready", e.ready)
	return e
}

// end stops Listen and checks what it returns.
func (e *listenCall) end() {
	if e.stop == nil {
		return
	}
	e.stop()
	e.stop = nil
	if err := <-e.ended; !errors.Is(err, context.Canceled) {
		e.t.Errorf("Listen returned %v, want canceled", err)
	}
}

func (e *listenCall) wait(what string, c <-chan struct{}) {
	e.t.Helper()
	select {
	case <-c:
	case <-time.After(within):
		e.t.Fatalf("%s: timed out", what)
	}
}

func (e *listenCall) wantNotification(want string) {
	e.t.Helper()
	select {
	case got := <-e.received:
		if got != want {
			e.t.Errorf("received %q, want %q", got, want)
		}
	case <-time.After(within):
		e.t.Fatalf("%q was not received in time", want)
	}
}

func TestListenReceivesImports(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		a, b := startListen(t, d, ChannelRoster, "pitwall_access"), startListen(t, d, ChannelRoster)
		other := startListen(t, d, "pitwall_access")
		importRows(t, d, true, RosterRow{2, "E1", "n1", "d1"}) // sends no notification
		importRows(t, d, false, RosterRow{2, "E2", "n2", "d2"})
		a.wantNotification("pitwall_roster ")
		b.wantNotification("pitwall_roster ")
		importRows(t, d, false, RosterRow{2, "E3", "n3", "d3"})
		a.wantNotification("pitwall_roster ")
		a.end()
		b.end()
		other.end()
		if len(a.received)+len(other.received) > 0 {
			t.Errorf("%d and %d notifications too many", len(a.received), len(other.received))
		}
		if err := d.Listen(t.Context(), nil, func() {}, nil); err == nil {
			t.Error("Listen without channels returned no error")
		}
	})
}

func TestTriggersNotify(t *testing.T) {
	pg, url := testenv.Postgres(t), migratedURL(t)
	e := startListen(t, openDatabase(t, Options{URL: url, Logger: discard}), ChannelRoster)
	for _, statement := range []string{
		"INSERT INTO events SELECT 'E' || n FROM generate_series(1, 1000) n",
		"UPDATE events SET id = 'E0' WHERE id = 'E1000'",
		"INSERT INTO entries VALUES ('n1', 'E1')",
		"DELETE FROM entries",
		"INSERT INTO entry_devices VALUES ('n1', 'd1')",
		"TRUNCATE entry_devices",
	} {
		pg.Query(url, statement)
		e.wantNotification("pitwall_roster ")
	}
	pg.Query(url, "INSERT INTO positions (device_id, ts, lat, lon) VALUES ('d', now(), 1, 1); NOTIFY pitwall_roster, 'end'")
	e.wantNotification("pitwall_roster end")
}

func TestWithoutTriggers(t *testing.T) {
	pg, url := testenv.Postgres(t), testenv.NewDatabase(t)
	d := migrated(t, Options{URL: url, Logger: discard, NoTriggers: true})
	if err := d.CheckSchema(t.Context()); err != nil {
		t.Errorf("CheckSchema requires the triggers: %v", err)
	}
	e := startListen(t, d, ChannelRoster)
	pg.Query(url, "INSERT INTO events VALUES ('E1'); NOTIFY pitwall_roster, 'end'")
	e.wantNotification("pitwall_roster end")
	importRows(t, d, false, RosterRow{2, "E1", "n1", "d1"})
	e.wantNotification("pitwall_roster ")

	with := openDatabase(t, Options{URL: url, Logger: discard})
	if err := with.CheckSchema(t.Context()); err != nil {
		t.Errorf("CheckSchema requires the triggers: %v", err)
	}
	if applied, err := with.Migrate(t.Context()); err != nil || !slices.Equal(applied, triggersFiles) {
		t.Errorf("applied %v, %v; want the triggers only", applied, err)
	}
	pg.Query(url, "INSERT INTO events VALUES ('E2')")
	e.wantNotification("pitwall_roster ")
}

func TestListenReconnects(t *testing.T) {
	pg, url := testenv.Postgres(t), migratedURL(t)
	d := openDatabase(t, Options{URL: url, Logger: discard})
	e := startListen(t, d, ChannelRoster)
	for _, fault := range []struct {
		name string
		do   func()
	}{
		{"restart", func() { pg.Stop(); pg.Start() }},
		{"crash", func() { pg.Crash(); pg.Start() }},
		{"cut", func() { pg.CutClients() }},
	} {
		fault.do()
		e.wait("ready after a "+fault.name, e.ready)
		pg.Query(url, "NOTIFY pitwall_roster, '"+fault.name+"'")
		e.wantNotification("pitwall_roster " + fault.name)
	}
	testenv.Eventually(t, within, "the pool to come back", func() bool { return d.Ping(t.Context()) == nil })
	if d.Kind() == "postgres" && len(roster(t, d).Pairs) != 0 {
		t.Error("the pool did not come back with an empty roster")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A dead connection, for example one that a firewall has dropped, is replaced. An idle
// one is kept.
func TestListenReplacesADeadConnection(t *testing.T) {
	raw := testenv.NewDatabase(t)
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	proxy := testenv.Proxy(t, u.Host)
	direct := strings.Replace(raw, u.Host, proxy.Addr(), 1)
	lost := make(chan struct{}, 100)
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		lost <- struct{}{}
		return len(p), nil
	}), nil))
	d := migrated(t, Options{URL: raw, DirectURL: direct, Logger: log}).(*postgres)
	d.idleCheckEvery, d.checkTimeout = 20*time.Millisecond, time.Second
	e := startListen(t, d, ChannelRoster)

	replies := proxy.Replies()
	testenv.Eventually(t, within, "several checks of the idle connection", func() bool { return proxy.Replies() > replies+100 })
	if len(e.ready) > 0 {
		t.Error("an idle connection was replaced")
	}
	proxy.Stall()
	e.wait("the connection is replaced", lost)
	proxy.Resume()
	e.wait("ready again", e.ready)
	testenv.Postgres(t).Query(raw, "NOTIFY pitwall_roster, 'again'")
	e.wantNotification("pitwall_roster again")
}
