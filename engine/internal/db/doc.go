// Package db gives access to the databases: PostgreSQL 13 or later, or the
// embedded SQLite file. It is the only package that imports pgx, the SQLite driver
// and goose. A Database behaves alike on both.
//
// The archive gives batches to InsertPositions, which writes each (device, time)
// once, however often it is repeated. At the start LastPositions returns the newest
// position of each device in live time, so that maps show the same as before. The
// package also reads the roster (which device takes part in which event), notifies
// of its changes, imports a roster from CSV, and migrates the schema.
//
// # Reading order
//
// Most files come as a pair: NAME_postgres.go and NAME_sqlite.go implement what
// NAME.go declares.
//
//	db.go              Database: every method, with its promises
//	postgres.go        the two pools; session.go: settings of a transaction;
//	                   primary.go: a server that became a standby; sockets.go
//	sqlite.go          the file, one writer and a few readers
//	positions*.go      InsertPositions; extras.go: added attributes;
//	                   standbys.go: synchronous standbys; failure.go: Classify
//	last*.go           LastPositions; live.go: the rule of live time;
//	                   stored.go: rows that may be shown; clocks.go
//	partitions*.go     monthly partitions: make, detach, enable
//	roster.go          LoadRoster; csv.go and import*.go: ImportRoster
//	access*.go         public events, members, share links, revocations
//	listen.go          LISTEN; listen_monitor.go: whether they arrive;
//	                   hub.go: notifications within the process, for SQLite
//	migrate.go         migrations; schema*.go: CheckSchema
//
// # Content of a position
//
// Contract 1 lists it. received_at is the arrival on the stream, not the time of
// the insert, so that a repeated batch writes the same row. Two positions are the
// same when everything but received_at and faulty is equal. Attributes are
// compared, stored and returned as the text that arrived. Attributes that a
// second position of the same time and place adds are rows of pitwall_extras.
//
// # Connections
//
// PostgreSQL has two small pools: one to DATABASE_URL, and one for inserts and
// months (DATABASE_ARCHIVE_URL), so that inserts that wait for a lock block
// nothing else. Single connections to DATABASE_DIRECT_URL are for migrations
// (session advisory lock), for each Listen, and for changing and detaching
// partitions. Both pools work through PgBouncer in transaction mode: no statement
// is prepared, and each setting that statements rely on is either one that PgBouncer
// tracks or is set for one transaction.
//
// SQLite has the file pitwall.db in write-ahead mode, with one connection that
// writes and a few that read.
//
// When InsertPositions returns, the commit is on disk, and on the synchronous
// standbys if there are any.
//
// # Failover
//
// All sessions, including those that listen, are closed and opened again when a
// session is refused a write outside of a read-only transaction, or when a server
// turns out to be a standby. A pooled session is checked for that before use when
// the last check is 5 s old. New sessions to a standby are refused, unless the URL
// has target_session_attrs=any.
//
// # Goroutines and errors
//
// The package starts no goroutines apart from those of pgxpool and database/sql,
// which Close ends. All methods of a Database may be called from any goroutine;
// functions given to them run on the caller's goroutine. Errors name the setting
// to change (DATABASE_URL, DATABASE_DIRECT_URL, DATA_DIR) and never contain a URL
// or a password.
package db
