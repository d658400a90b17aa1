package db

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// sharedLog is a log that several goroutines write to.
type sharedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *sharedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// count returns how often the log says text.
func (l *sharedLog) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func (l *sharedLog) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// switchover is a primary and its standby with a PgBouncer in front. The address that
// PgBouncer connects to can be moved to the standby while the sessions of its clients
// stay open.
type switchover struct {
	primary, standby *testenv.PostgresServer
	at               *testenv.TCPProxy
	url              string // through PgBouncer
}

func newSwitchover(t *testing.T) *switchover {
	t.Helper()
	s := &switchover{}
	s.primary, s.standby = testenv.PostgresPair(t)
	s.at = testenv.Proxy(t, s.primary.Addr())
	_, port, err := net.SplitHostPort(s.at.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s.url = s.primary.PgBouncer(5, map[string]string{"service": "host=127.0.0.1 port=" + port + " dbname=postgres"})(
		strings.Replace(s.primary.URL(), "/postgres?", "/service?", 1))
	return s
}

// failOver moves the address to the standby.
func (s *switchover) failOver(t *testing.T) {
	t.Helper()
	want := s.primary.Query(s.primary.URL(), "SELECT pg_current_wal_lsn()")
	testenv.Eventually(t, within, "the standby to have everything", func() bool {
		return s.standby.Query(s.standby.URL(), "SELECT pg_last_wal_replay_lsn() >= '"+want+"'::pg_lsn") == "t"
	})
	s.at.Retarget(s.standby.Addr())
	s.at.CutAll()
	// PgBouncer must be connected before its clients use their sessions again.
	testenv.Eventually(t, within, "PgBouncer to be connected to the standby", func() bool {
		conn, err := pgx.Connect(t.Context(), s.url+"&default_query_exec_mode=exec")
		if err != nil {
			return false
		}
		defer conn.Close(t.Context())
		var standby bool
		return conn.QueryRow(t.Context(), inRecovery).Scan(&standby) == nil && standby
	})
}

// The address of a pooler moves to a standby while the sessions stay. A read detects
// that by the check, a write by the refusal. Either replaces all sessions of both pools
// and the listening sessions. Everything works again when the standby is promoted.
func TestSessionsFollowThePrimary(t *testing.T) {
	for _, found := range []string{"by a read", "by a write"} {
		t.Run(found, func(t *testing.T) {
			s := newSwitchover(t)
			log := &sharedLog{}
			d := migrated(t, Options{URL: s.url, DirectURL: s.primary.URL(), Logger: log.logger()}).(*postgres)
			importRows(t, d, false, RosterRow{2, "E1", "n1", "d1"})
			insert(t, d, full("a", epoch))
			d.standbyCheckEvery = time.Hour
			if found == "by a read" {
				d.standbyCheckEvery = 0 // check at every use
			}
			e := startListen(t, d, ChannelRoster)
			s.failOver(t)
			if found == "by a read" {
				testenv.Eventually(t, within, "a read to be refused", func() bool {
					_, err := d.LoadRoster(t.Context())
					return errors.Is(err, errStandby)
				})
			} else {
				testenv.Eventually(t, within, "an insert to be refused", func() bool {
					_, err := d.InsertPositions(t.Context(), []codec.Position{full("b", epoch)})
					return sqlState(err) == readOnlyTransaction
				})
				if _, err := d.LoadRoster(t.Context()); !errors.Is(err, errStandby) {
					t.Errorf("after the refusal of a write a read returns %v, want %v", err, errStandby)
				}
			}
			e.wait("ready again", e.ready)
			if log.count("can only be read") == 0 {
				t.Error("the log does not say that the database can only be read")
			}
			s.standby.Promote()
			testenv.Eventually(t, within, "reads and inserts to go on", func() bool {
				_, readErr := d.LoadRoster(t.Context())
				_, writeErr := d.InsertPositions(t.Context(), []codec.Position{full("c", epoch)})
				return readErr == nil && writeErr == nil
			})
			if got := s.standby.Query(s.standby.URL(), "SELECT string_agg(device_id, ' ' ORDER BY device_id) FROM positions"); got != "a c" {
				t.Errorf("the new primary has positions of %q, want a c", got)
			}
		})
	}
}

// A standby is refused at the start, unless the URL allows one. Of several hosts the
// primary is used.
func TestStandbyIsRefusedAtTheStart(t *testing.T) {
	primary, standby := testenv.PostgresPair(t)
	_, err := Open(t.Context(), Options{URL: standby.URL(), Logger: discard})
	if !errors.Is(err, errStandby) {
		t.Errorf("Open of a standby returns %v, want %v", err, errStandby)
	}
	d := openDatabase(t, Options{URL: standby.URL() + "&target_session_attrs=any", Logger: discard})
	if err := d.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := d.CheckWritable(t.Context(), true); !errors.Is(err, errStandby) {
		t.Errorf("CheckWritable of a standby returns %v, want %v", err, errStandby)
	}
	if err := d.CheckWritable(t.Context(), false); err != nil {
		t.Errorf("without an archive the allowed standby is refused: %v", err)
	}
	both := strings.Replace(primary.URL(), primary.Addr(), standby.Addr()+","+primary.Addr(), 1)
	if err := openDatabase(t, Options{URL: both, Logger: discard}).CheckWritable(t.Context(), true); err != nil {
		t.Errorf("with two hosts the primary is not used: %v", err)
	}
}

// A role that may only read is reported at the start. A server that is read-only for a
// while refuses writes and is used again afterwards. A refused write of the operator's
// access query does not count as a read-only server.
func TestReadOnlyRolesAndServers(t *testing.T) {
	pg, raw := testenv.Postgres(t), testenv.NewDatabase(t)
	log := &sharedLog{}
	d := migrated(t, Options{URL: raw, Logger: log.logger()}).(*postgres)
	for setting, o := range map[string]Options{
		"DATABASE_URL":         {URL: raw + "&default_transaction_read_only=on"},
		"DATABASE_ARCHIVE_URL": {URL: raw, ArchiveURL: raw + "&default_transaction_read_only=on"},
	} {
		o.Logger = discard
		err := openDatabase(t, o).CheckWritable(t.Context(), true)
		if err == nil || !strings.Contains(err.Error(), "role of "+setting) || !strings.Contains(err.Error(), "ALTER ROLE") {
			t.Errorf("a read-only role in %s: %v", setting, err)
		}
	}
	if err := d.CheckWritable(t.Context(), true); err != nil {
		t.Error(err)
	}
	const writes = "DELETE FROM pitwall_members WHERE user_id = $1 AND event_id = $2"
	if _, err := d.MayWatch(t.Context(), writes, "u", "e"); sqlState(err) != readOnlyTransaction {
		t.Errorf("a query that writes returns %v", err)
	}
	if log.count("can only be read") != 0 {
		t.Error("a query that writes counts as a read-only server")
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	insert(t, d, full("a", epoch))
	pg.Query(pg.URL(), fmt.Sprintf("ALTER DATABASE %s SET default_transaction_read_only = on", name))
	d.pool.Reset()
	d.inserts.Reset()
	if _, err := d.InsertPositions(t.Context(), []codec.Position{full("b", epoch)}); sqlState(err) != readOnlyTransaction {
		t.Errorf("an insert into a read-only database returns %v", err)
	}
	if log.count("can only be read") != 1 {
		t.Error("the log does not say that the database can only be read")
	}
	pg.Query(pg.URL(), fmt.Sprintf("ALTER DATABASE %s RESET default_transaction_read_only", name))
	if r := insert(t, d, full("b", epoch)); r.Inserted != 1 { // all old sessions are gone
		t.Errorf("insert: %+v", r)
	}
}
