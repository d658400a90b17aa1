// Package db is the one door to databases: PostgreSQL 13 or later, or the
// embedded SQLite file. It alone imports pgx, the SQLite driver and goose;
// the rooms above see its own types, and Database behaves alike on both.
//
// On the way of a position it stands at the end, and once at the beginning:
// the archive hands batches to InsertPositions, which writes each
// (device, time) once whatever is repeated, and at start LastPositions gives
// the position of each device back that is the newest in live time, so that
// maps are not empty and show what they showed before. Beside
// the way it reads the roster (which device takes part in which event), tells
// of changes to it, imports one from CSV, and brings the schema up to date.
//
// A position's content is what contract 1 lists. received_at is the arrival
// on the stream, not the time of the insert, so that a repeat of a batch
// writes the same row. Two positions are the same when all but received_at
// and faulty are equal; attributes are compared, stored and given back as the
// text that they came as. Attributes that a second position of the same time
// and place adds are rows of pitwall_extras.
//
// On PostgreSQL positions may consist of monthly partitions ([Partitions]), by
// an operator's choice; nothing else of Database differs for that.
//
// Connections. PostgreSQL: two small pools, one to DATABASE_URL, and one for
// inserts and months (DATABASE_ARCHIVE_URL), so that inserts that wait for a
// lock stop nobody else; and single connections to DATABASE_DIRECT_URL for
// migrations (session advisory lock), for each Listen, and for turning the
// table into partitions and detaching them. Both pools work through PgBouncer
// in transaction mode: no statement is prepared, and settings that statements
// rely on are those that PgBouncer carries along, or are set for a transaction.
// SQLite: the file pitwall.db in write-ahead mode, one connection that writes
// and a few that read. A commit is on disk when InsertPositions returns, on
// both, and on the synchronous standbys where there are any.
//
// Servers change. A session that is refused a write, outside transactions that
// are read only on purpose, or whose server answers that it is a standby, has
// every session closed and made again, the listening ones included. A session
// is asked before it is used, when it was last asked 5 s ago or more. New ones
// are refused by a standby, unless the URL has target_session_attrs=any.
//
// Goroutines: none of its own, but for those of pgxpool and database/sql,
// which Close ends. All methods of a Database may be called from any number of
// goroutines; functions given to them run on the caller's goroutine.
//
// Errors name the setting to change (DATABASE_URL, DATABASE_DIRECT_URL,
// DATA_DIR) and never hold a URL or a password.
package db
