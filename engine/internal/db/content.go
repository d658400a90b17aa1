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
	state, constraint := sqlState(err), ""
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		constraint = e.ConstraintName
	}
	// A row for which there is no partition fails the check of none: it lacks
	// a table, not content.
	return len(state) == 5 && state[:2] == classData || state == notNullMissing || state == checkFailed && constraint != ""
}
