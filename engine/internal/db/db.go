package db

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// Options say which database to open. Logger is required, and either URL or
// DataDir.
type Options struct {
	// URL is DATABASE_URL, a postgres:// URL or key=value string. Empty means
	// the SQLite file under DataDir.
	URL string
	// DirectURL is DATABASE_DIRECT_URL: the same database, past a pooler.
	// Empty means URL.
	DirectURL string
	// ArchiveURL is DATABASE_ARCHIVE_URL: the same database as InsertPositions
	// and MakePartitions reach it. Empty means URL.
	ArchiveURL string
	// Conns and ArchiveConns bound the connections of the two pools. 0: what the
	// URL says, or the larger of 4 and the number of CPUs, and 4.
	Conns, ArchiveConns int
	// DataDir is the folder of pitwall.db, created if missing. Used when URL
	// is empty.
	DataDir string
	Logger  *slog.Logger
	// NoTriggers leaves the triggers of migrations 0003 and 0007 out.
	NoTriggers bool
	// Listening takes whether a call of Listen hears notifications on its
	// channels now: nil, or why not. It is called on the goroutine of Listen. May
	// be nil.
	OnListening func(channels []string, err error)
}

// Channels of notifications (contract 2).
const (
	ChannelRoster    = "pitwall_roster"    // the roster changed
	ChannelPositions = "pitwall_positions" // a position was marked faulty, or is not any more; the payload is its device
)

// Database is PostgreSQL or the embedded SQLite file. All methods may be
// called from any goroutine, at the same time, until Close.
type Database interface {
	// Kind returns "postgres" or "sqlite".
	Kind() string

	// Migrate brings the schema up to date and returns the names of the files
	// applied, in order, also when a later one failed. Callers at the same
	// moment, in this process or another, wait for one another. It fails when
	// the schema lacks something afterwards, as CheckSchema would.
	Migrate(ctx context.Context) ([]string, error)

	// Status lists the migrations and changes nothing.
	Status(ctx context.Context) ([]MigrationStatus, error)

	// CheckSchema returns nil when all that Pitwall needs is there, read from
	// the catalogue, otherwise an error that lists what lacks and names
	// `pitwall migrate`. Triggers are not insisted on.
	CheckSchema(ctx context.Context) error

	// CheckWritable returns nil when server and role can write, those of the
	// archive included if it is used, or an error that says what to change. A
	// URL that asks for any server is not held to it for the live part.
	CheckWritable(ctx context.Context, archive bool) error

	// LoadRoster returns the roster as of one moment, ids as text; an id that is
	// NULL is "".
	LoadRoster(ctx context.Context) (shard.Roster, error)

	// ImportRoster adds what lacks of rows, and moves entries to the event
	// that rows gives them, in one transaction. If a row is bad nothing is
	// written, and the error names every bad row by its line (the first 100).
	// With dryRun the transaction is rolled back: the result is what an import
	// would do.
	ImportRoster(ctx context.Context, rows []RosterRow, dryRun bool) (ImportResult, error)

	// Listen calls fn for each notification on channels, until ctx ends, and
	// returns ctx's error then. It connects again whenever the connection is
	// lost, and calls ready each time it listens, the first time included:
	// what was sent before is missed, so ready is the moment to look. Equal
	// notifications may be folded into one. Both run on Listen's goroutine.
	// On SQLite only imports through this Database are told. It fails at once
	// when the settings cannot work.
	Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error

	// InsertPositions writes a batch, committed on disk when it returns. The
	// first of two positions of one device and time stays, wherever they come
	// from. What a later one of the same place adds in attributes is kept in
	// pitwall_extras. After an error nobody knows what was written, and the
	// same batch may be offered again: nothing goes in twice. Classify tells
	// what kind of error it is. The positions and
	// their strings are lent for the call. 500 to 2000 positions are a good
	// batch; one of any size is taken.
	InsertPositions(ctx context.Context, batch []codec.Position) (InsertResult, error)

	// LastPositions calls fn with what the table knows of the newest positions
	// of each of devices, those of which it knows nothing left out, in no
	// particular order. Newest is meant in live time, by rule and by the clocks
	// in pitwall_clocks: what a screen would show if all had come live. Rows that
	// a decoder would refuse are left out, whoever wrote them. What it
	// costs grows with the number of devices, not of rows, except that faulty
	// rows newer than a good one are passed one by one. Last is lent for the
	// call; its strings and Faulty are the callee's to keep. fn's error ends it
	// and is returned as it is.
	LastPositions(ctx context.Context, devices []string, rule LiveRule, fn func(*Last) error) error

	// Clocks returns the newest row of pitwall_clocks of each of devices, those
	// whose offset has ended left out, in no particular order.
	Clocks(ctx context.Context, devices []string) ([]shard.Clock, error)

	// SaveClocks keeps what list says, in one transaction. What the table says
	// already is left out: the newest row at or before Since has an offset
	// within 5 s of it, or there is none and Offset is 0. So instances that
	// find the same may all call it, and it may be called again after an error.
	SaveClocks(ctx context.Context, list []shard.Clock) error

	Partitions

	// PublicEvents returns the ids of the events that everybody may watch: those
	// that are public, and not delayed.
	PublicEvents(ctx context.Context) ([]string, error)

	// DelayedEvents returns the ids of the events whose delay_s is not 0.
	DelayedEvents(ctx context.Context) ([]string, error)

	// Revocations returns the ids of the tokens that were revoked and would
	// otherwise be good, or would have been an hour ago.
	Revocations(ctx context.Context) ([]string, error)

	// MayWatch asks query with the user as $1 and the event as $2, both text;
	// "" asks pitwall_members. A yes is a row whose first column is true or a
	// number other than 0. NULL, false, 0 and no row are a no; a column of any
	// other type, NaN, and a query that would write are an error, even if no
	// row comes (SQLite knows the type of an expression by its value only).
	MayWatch(ctx context.Context, query, user, event string) (bool, error)

	// Sessions is how many connections there are for what is asked here, at most.
	Sessions() int
	// CheckQuery returns nil when query can be asked by MayWatch, as far as the
	// server can tell without running it, or what is wrong with it. It uses a
	// connection of its own to DATABASE_DIRECT_URL.
	CheckQuery(ctx context.Context, query string) error

	// Revoke makes a token bad until it expires by itself, and tells those who
	// listen on ChannelAccess.
	Revoke(ctx context.Context, token string, expires time.Time) error

	// Tokens returns the share links that SaveLink has saved and the tokens that
	// were revoked, the newest links first; with an id only that one.
	Tokens(ctx context.Context, id string) ([]Token, error)

	// SaveLink takes note of a share link. Its ID must be new.
	SaveLink(ctx context.Context, t Token) error

	// FindEvent says whether there is an event, and whether its delay is not 0.
	FindEvent(ctx context.Context, id string) (exists, delayed bool, err error)

	// Ping asks the database for a sign of life.
	Ping(ctx context.Context) error

	// Close ends the connections and waits for them; one that has not ended
	// after two seconds is cut. Listen must have ended.
	Close()
}

// MigrationStatus is the state of one migration.
type MigrationStatus struct {
	Version int64
	Name    string // file name
	Applied bool
	At      time.Time // when it was applied; zero if it was not
}

// InsertResult says what became of a batch. Inserted, Extras, Duplicates and
// the lengths of Conflicts and Missing add up to the length of the batch. Arrival and faulty
// are not part of a position's content.
type InsertResult struct {
	Inserted   int
	Extras     int   // same device, time and place as a row that is there, with more attributes
	Duplicates int   // same content as a row that is there, or as an earlier extra
	Conflicts  []int // indexes, ascending: same device and time, other content
	// Missing are indexes, ascending, of positions that were neither inserted
	// nor are there: a trigger left them out, or their row was deleted
	// meanwhile. They may be offered again.
	Missing []int
}

// Open connects to the database of o. PostgreSQL must answer now and be
// version 13 or later; DirectURL is used later. The schema is not looked at.
func Open(ctx context.Context, o Options) (Database, error) {
	if o.URL != "" {
		p, err := openPostgres(ctx, o)
		if err != nil {
			return nil, err // not p: a nil pointer is no nil Database
		}
		return p, nil
	}
	for name, set := range map[string]bool{"DATABASE_DIRECT_URL": o.DirectURL != "", "DATABASE_ARCHIVE_URL": o.ArchiveURL != ""} {
		if set {
			return nil, fmt.Errorf("%s is set and DATABASE_URL is not: set both or none", name)
		}
	}
	s, err := openSQLite(ctx, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}
