package db

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// SQLSTATE of errors that a row's own content can cause: PostgreSQL's
// appendix A, class 22 (data exception) and two of class 23.
const (
	classData      = "22"
	notNullMissing = "23502"
	checkFailed    = "23514"
)

// LacksPartition says whether err may be the database's word that positions has
// no partition for a row's time: it fails the check of no constraint. Where
// MakePartitions finds nothing to make it is something else, such as a trigger
// of the operator's.
func LacksPartition(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == checkFailed && e.ConstraintName == ""
}

// IsContent says whether err is the database's word that what a row holds is
// not taken. It means something for a single row only: of a batch it does not
// say which row is meant. Every other error may pass by itself, or by what an
// operator does.
func IsContent(err error) bool {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		switch e.Code() {
		case sqlite3.SQLITE_CONSTRAINT_NOTNULL, sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_DATATYPE,
			sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
			return true
		}
		return false
	}
	// A row for which there is no partition lacks a table, not content.
	state := sqlState(err)
	return len(state) == 5 && state[:2] == classData || state == notNullMissing || state == checkFailed && !LacksPartition(err)
}
