package db

import (
	"cmp"
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Failure says what the caller of InsertPositions does after an error.
type Failure int

const (
	// FailureWait: the database or the way to it is not fit for work. The same
	// batch is offered again later, for as long as it takes.
	FailureWait Failure = iota
	// FailureRetry: the attempt took too long or collided with another
	// transaction. The same batch is offered again, then less at a time. It is
	// never a row's fault.
	FailureRetry
	// FailureRefused: the database answered and does not take the batch. The
	// cause may be one row, or something that concerns every row, such as a
	// trigger. Of a batch it does not say which row is meant.
	FailureRefused
	// FailureContent: as FailureRefused, and the cause is what a row holds.
	FailureContent
)

// SQLSTATE codes that Classify treats apart from their class: PostgreSQL's
// appendix A.
const (
	classData        = "22"
	classRollback    = "40"
	classOperator    = "57"
	notNullMissing   = "23502"
	checkFailed      = "23514"
	queryCanceled    = "57014"
	lockUnavailable  = "55P03"
	missingPrivilege = "42501"
)

// waitClasses are classes of SQLSTATE that say nothing about a row: connection,
// transaction state, authorization, catalog, schema, syntax and access rules,
// resources, system and internal errors.
var waitClasses = map[string]bool{
	"08": true, "25": true, "28": true, "3D": true, "3F": true, "42": true, "53": true, "58": true, "XX": true,
}

// Classify tells what kind of failure err is. It decides for PostgreSQL by the
// SQLSTATE of the reply, and counts what has none as FailureWait, except the
// end of the caller's own deadline.
func Classify(err error) Failure {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return classifySQLite(e.Code())
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return FailureWait // no statement was sent
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return FailureRetry
		}
		return FailureWait
	}
	if severity := cmp.Or(e.SeverityUnlocalized, e.Severity); severity == "FATAL" || severity == "PANIC" {
		return FailureWait // the session ended, whatever the code says
	}
	return classifyState(e)
}

// classifyState is Classify for a reply in a session that goes on.
func classifyState(e *pgconn.PgError) Failure {
	if len(e.Code) != 5 {
		return FailureWait
	}
	switch class := e.Code[:2]; {
	case class == classRollback, e.Code == queryCanceled, e.Code == lockUnavailable:
		return FailureRetry
	case waitClasses[class], class == classOperator && e.Code[2] == 'P':
		return FailureWait
	case class == classData, e.Code == notNullMissing, e.Code == checkFailed && !isMissingPartition(e):
		return FailureContent
	}
	return FailureRefused
}

// classifySQLite is Classify for the extended result codes of SQLite.
func classifySQLite(code int) Failure {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_NOTNULL, sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_DATATYPE,
		sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return FailureContent
	}
	const primary = 0xff // the low byte is the primary result code
	if code&primary == sqlite3.SQLITE_CONSTRAINT {
		return FailureRefused
	}
	return FailureWait
}

// LacksPartition says whether err may be the database's word that positions has
// no partition for a row's time: it fails the check of no constraint, and it is
// no RAISE of a trigger. Where MakePartitions finds nothing to make it is
// something else.
func IsMissingPartition(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && isMissingPartition(e)
}

func isMissingPartition(e *pgconn.PgError) bool {
	const raise = "exec_stmt_raise" // the function in the server that PL/pgSQL's RAISE ends in
	return e.Code == checkFailed && e.ConstraintName == "" && e.Routine != raise
}

// LacksRight says whether err is the database's word that the role may not do
// what was asked.
func IsPermissionDenied(err error) bool { return sqlState(err) == missingPrivilege }
