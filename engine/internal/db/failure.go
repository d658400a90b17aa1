package db

import (
	"cmp"
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Failure says what the caller of InsertPositions should do after an error.
type Failure int

const (
	// FailureWait: the database or the connection does not work. Insert the same
	// batch again later, for as long as it takes.
	FailureWait Failure = iota
	// FailureRetry: the attempt took too long or collided with another
	// transaction. Insert the same batch again, then fewer rows at a time. No row is
	// at fault.
	FailureRetry
	// FailureRefused: the database refused the batch. The cause may be one unnamed
	// row, or something that concerns every row, such as a trigger.
	FailureRefused
	// FailureContent: as FailureRefused, and the cause is the content of a row.
	FailureContent
)

// SQLSTATE classes and codes (appendix A of the PostgreSQL manual).
const (
	classData        = "22"
	classIntegrity   = "23"
	classRollback    = "40"
	classOperator    = "57"
	notNullMissing   = "23502"
	checkFailed      = "23514"
	dependentObjects = "2BP01"
	missingPrivilege = "42501"
	generatedAlways  = "428C9"
	wrongObjectType  = "42809"
	lockUnavailable  = "55P03"
	queryCanceled    = "57014"
	raisedException  = "P0001"
)

// waitClasses are classes of SQLSTATE that are not about a row: connection,
// transaction state, authorization, catalog, schema, syntax and access rules,
// resources, system and internal errors.
var waitClasses = map[string]bool{
	"08": true, "25": true, "28": true, "3D": true, "3F": true, "42": true, "53": true, "58": true, "XX": true,
}

// Classify returns the kind of failure of err. For PostgreSQL the SQLSTATE decides.
// An error without one is FailureRetry if the caller's deadline passed, otherwise
// FailureWait.
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
		return FailureWait // the session ended, whatever the code is
	}
	return classifyState(e)
}

// classifyState is Classify for an error that did not end the session.
func classifyState(e *pgconn.PgError) Failure {
	if len(e.Code) != 5 {
		return FailureWait
	}
	switch class := e.Code[:2]; {
	case class == classRollback, e.Code == queryCanceled, e.Code == lockUnavailable:
		return FailureRetry
	case waitClasses[class], class == classOperator && e.Code[2] == 'P':
		return FailureWait
	case class == classData, e.Code == notNullMissing, e.Code == checkFailed && !lacksPartition(e):
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

// IsMissingPartition reports whether err may mean that positions has no partition for
// the time of a row. PostgreSQL reports that as a failed check without a constraint. A
// RAISE of a trigger looks the same except for the routine. If MakePartitions then
// makes nothing, the error has another cause.
func IsMissingPartition(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && lacksPartition(e)
}

func lacksPartition(e *pgconn.PgError) bool {
	const raise = "exec_stmt_raise" // the server's function for RAISE of PL/pgSQL
	return e.Code == checkFailed && e.ConstraintName == "" && e.Routine != raise
}

// IsPermissionDenied reports whether err means that the role lacks a permission.
func IsPermissionDenied(err error) bool { return sqlState(err) == missingPrivilege }
