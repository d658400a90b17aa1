package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// Options say which database to open. Logger is required, and either URL or DataDir.
type Options struct {
	// URL is DATABASE_URL, a postgres:// URL or key=value string. Empty means
	// the SQLite file under DataDir.
	URL string
	// DirectURL is DATABASE_DIRECT_URL: the same database without a pooler.
	// Empty means URL.
	DirectURL string
	// ArchiveURL is DATABASE_ARCHIVE_URL: the same database for InsertPositions and
	// MakePartitions. Empty means URL.
	ArchiveURL string
	// Conns and ArchiveConns are the sizes of the two pools. 0: the URL decides,
	// otherwise Conns is the larger of 4 and the number of CPUs, ArchiveConns 4.
	Conns, ArchiveConns int
	// DataDir is the folder of pitwall.db, created if missing. Used when URL
	// is empty.
	DataDir string
	Logger  *slog.Logger
	// NoTriggers leaves out the triggers of migrations 0003 and 0007.
	NoTriggers bool
	// OnListening is called whenever a call of Listen begins to listen on its
	// channels, with nil, or stops, with the reason. It runs on the goroutine of
	// Listen. It may be nil.
	OnListening func(channels []string, err error)
}

// Channels of notifications (contract 2).
const (
	ChannelRoster    = "pitwall_roster"    // the roster changed
	ChannelPositions = "pitwall_positions" // a faulty mark was set or removed; the payload is the device
)

// Database is PostgreSQL or the embedded SQLite file. Any goroutine may call its
// methods, at the same time, until Close.
type Database interface {
	// Kind returns "postgres" or "sqlite".
	Kind() string

	// Migrate applies the missing migrations and returns the names of the applied files
	// in order, even if a later one failed. Concurrent calls wait for each other, even
	// in different processes. It fails when something is missing afterwards, as
	// CheckSchema would.
	Migrate(ctx context.Context) ([]string, error)

	// Status lists the migrations and changes nothing.
	Status(ctx context.Context) ([]MigrationStatus, error)

	// CheckSchema returns nil when the catalogue has everything that Pitwall needs,
	// otherwise an error that lists what is missing and names `pitwall migrate`.
	// Triggers are not required.
	CheckSchema(ctx context.Context) error

	// CheckWritable returns nil when the server and the role can write, otherwise an
	// error that says what to change. It checks DATABASE_URL, unless that allows a
	// standby, and with archive also the URL of the archive.
	CheckWritable(ctx context.Context, archive bool) error

	// LoadRoster returns the roster of one moment. Ids are text; NULL becomes "".
	LoadRoster(ctx context.Context) (shard.Roster, error)

	// ImportRoster adds what is missing of rows and moves entries to the events of
	// rows, in one transaction. If a row is bad, nothing is written, and the error
	// names the first 100 bad rows by their lines. With dryRun the transaction is
	// rolled back, and the result is what an import would do.
	ImportRoster(ctx context.Context, rows []RosterRow, dryRun bool) (ImportResult, error)

	// RosterRows returns the roster of an event, or of all if event is "", in order. An
	// event without entries is one row, and so is an entry without devices; what is
	// missing is "". Line counts from 1.
	RosterRows(ctx context.Context, event string) ([]RosterRow, error)

	// RemoveFromRoster removes what the filter selects, in one transaction, and
	// notifies ChannelRoster. With dryRun the transaction is rolled back, and the
	// result is what a removal would do.
	RemoveFromRoster(ctx context.Context, f RosterFilter, dryRun bool) (RemoveResult, error)

	// Listen calls fn for each notification on channels until ctx ends, and then
	// returns ctx's error. It connects again whenever the connection is lost. It
	// calls ready each time it begins to listen, because notifications sent before
	// are missed. Equal notifications may be merged into one. Both functions run on
	// the goroutine of Listen. On SQLite only changes through this Database notify.
	// Listen fails at once when the settings cannot work.
	Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error

	// InsertPositions writes a batch, which is committed on disk when it returns. Of
	// two positions with one device and time the first one stays, wherever they come
	// from. Attributes that a later one with the same place adds are kept in
	// pitwall_extras. After an error it is not known what was written, and the same
	// batch may be inserted again: nothing is written twice. Classify returns the
	// kind of the error. The positions and their strings are not kept. A batch may
	// have any size; 500 to 2000 positions are efficient.
	InsertPositions(ctx context.Context, batch []codec.Position) (InsertResult, error)

	// LastPositions calls fn with the newest positions of each device, in no
	// particular order. Devices without a position are left out, and so are rows that
	// the decoder would refuse. The newest position is the one with the newest live
	// time by rule and pitwall_clocks: a spectator would see it if all rows had arrived
	// live. The cost grows with the number of devices and not of rows, except that
	// faulty rows newer than a good one are read one by one. fn must not keep the Last,
	// but may keep its strings and Faulty. An error of fn ends the call and is returned
	// unchanged.
	LastPositions(ctx context.Context, devices []string, rule LiveRule, fn func(*Last) error) error

	// Clocks returns the newest row of pitwall_clocks of each device, in no particular
	// order. Devices whose offset has ended are left out.
	Clocks(ctx context.Context, devices []string) ([]shard.Clock, error)

	// SaveClocks saves list in one transaction. It skips a clock that the table has
	// already: the newest row at or before Since has an offset within 5 s, or there is
	// no row and Offset is 0. So several instances may save the same clock, and a call
	// may be repeated after an error.
	SaveClocks(ctx context.Context, list []shard.Clock) error

	Partitions

	// PublicEvents returns the ids of the events that everybody may watch: public and
	// not delayed.
	PublicEvents(ctx context.Context) ([]string, error)

	// DelayedEvents returns the ids of the events whose delay_s is not 0.
	DelayedEvents(ctx context.Context) ([]string, error)

	// Revocations returns the ids of revoked tokens that have not expired, or expired
	// less than an hour ago.
	Revocations(ctx context.Context) ([]string, error)

	// MayWatch runs query with the user as $1 and the event as $2, both text; "" reads
	// pitwall_members. A row whose first column is true or a number other than 0 is a
	// yes. NULL, false, 0 and no row are a no. A column of another type, NaN, and a
	// query that writes are an error, even without a row (on SQLite a type error needs
	// a row, because only values have types).
	MayWatch(ctx context.Context, query, user, event string) (bool, error)

	// Sessions is the greatest number of connections for MayWatch.
	Sessions() int
	// CheckQuery checks whether MayWatch can run query, as far as the server can tell
	// without running it. It returns nil or what is wrong. On PostgreSQL it uses a new
	// connection to DATABASE_DIRECT_URL.
	CheckQuery(ctx context.Context, query string) error

	// Revoke makes a token invalid until it expires, and notifies ChannelAccess.
	Revoke(ctx context.Context, token string, expires time.Time) error

	// Tokens returns the saved share links and the revoked tokens, newest links first.
	// With an id it returns only that one.
	Tokens(ctx context.Context, id string) ([]Token, error)

	// SaveLink saves a share link. Its ID must be new.
	SaveLink(ctx context.Context, t Token) error

	// FindEvent reports whether an event exists, and whether its delay is not 0.
	FindEvent(ctx context.Context, id string) (exists, delayed bool, err error)

	// Ping checks that the database answers.
	Ping(ctx context.Context) error

	// Close closes the connections and waits for them. After two seconds it closes
	// their sockets. Listen must have ended.
	Close()
}

// MigrationStatus is the state of one migration.
type MigrationStatus struct {
	Version int64
	Name    string // file name
	Applied bool
	At      time.Time // when it was applied; zero if it was not
}

// InsertResult is the result of inserting a batch. Inserted, Extras, Duplicates and the
// lengths of Conflicts and Missing add up to the length of the batch. Arrival and faulty
// are not part of the content of a position.
type InsertResult struct {
	Inserted   int
	Extras     int   // same device, time and place as a row, with more attributes
	Duplicates int   // same content as a row, or as an earlier extra
	Conflicts  []int // ascending indexes: same device and time, other content
	// Missing are ascending indexes of positions that were not inserted and have no
	// row: a trigger left them out, or their row was just deleted. They may be
	// inserted again.
	Missing []int
}

// Open connects to the database of o. PostgreSQL must answer and be version 13 or
// later. Open does not connect to DirectURL and does not check the schema.
func Open(ctx context.Context, o Options) (Database, error) {
	if err := CheckOptions(o); err != nil {
		return nil, err
	}
	if o.URL != "" {
		p, err := openPostgres(ctx, o)
		if err != nil {
			return nil, err // not p: a nil *postgres would be a Database that is not nil
		}
		return p, nil
	}
	s, err := openSQLite(ctx, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// CheckOptions returns the error that Open returns for invalid options, without
// connecting. It contains nothing of a URL.
func CheckOptions(o Options) error {
	for _, s := range []struct{ name, url string }{
		{"DATABASE_URL", o.URL}, {"DATABASE_DIRECT_URL", o.DirectURL}, {"DATABASE_ARCHIVE_URL", o.ArchiveURL},
	} {
		if s.url == "" {
			continue
		}
		if o.URL == "" {
			return fmt.Errorf("%s is set and DATABASE_URL is not: set both or none", s.name)
		}
		if _, err := poolConfig(s.url); err != nil {
			return fmt.Errorf("%s is %w", s.name, err)
		}
	}
	if o.URL == "" && o.DataDir == "" {
		return errors.New("DATA_DIR is empty: want the folder of the embedded database, or set DATABASE_URL")
	}
	return nil
}
