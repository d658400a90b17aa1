// Package archive is the durable path: it takes every record off the streams
// and writes it to the positions table, exactly once, whatever dies on the way.
//
// It stands beside feed, not behind it, and shares nothing with the live path
// but the database pool: a group of its own (durable-write, one for all
// processes, each a consumer), goroutines of its own, waiting of its own. With
// the database gone the archive waits and the stream keeps; no spectator
// notices.
//
// # The way of a batch
//
// One reader per stream takes a batch through the group, decodes it, inserts
// the positions in a few statements, each with devices of its own, after the
// commits writes the dead letters (to the stream's key and ":dead"), and only
// then acknowledges all of it with one XACK. A dead letter is a record that
// does not decode, a position whose device and time the table holds with other
// content (ts_conflict), or one that the database refuses, found by halving its
// batch. The first position of a device and time stays,
// so that a crash at any step means that the step is repeated, harmlessly:
//
//   - between read and commit: the entries pend, nothing was written;
//   - between commit and XACK: the entries pend, the rows are there already and
//     count as duplicates;
//   - between commit and dead letter: the same; letter and acknowledgement are
//     one step.
//
// What pends on this consumer is taken again at start, after every read,
// insert or acknowledgement that failed, and before Run returns; what pends
// on others, when it has been with them for ClaimIdle. A group that was lost is
// made again at the stream's beginning, never at its end: what is in the table
// already falls to the keys.
//
// # What is held back
//
// An entry whose row the database refuses, for a reason that may concern every
// row, is held back: it stays pending while the reader goes on. When another
// row was inserted after the refusal (witness) and it is refused again, it is
// the row's fault, and a dead letter. An entry whose letter cannot be written
// is held back as well. The reader looks at all of them again and again, and at
// a bound (held) it stops reading until there is room.
//
// # What is lost
//
// Records that Redis trims or loses before they were archived. Trimmed ones
// are counted and logged, whether they were pending or never delivered (gap).
// README.md, beside this file, says it in the operator's words.
//
// # Months
//
// The table may consist of monthly partitions. Then the archive makes months
// ahead, one that a position lacks when its insert fails for that, and detaches
// those beyond the retention. Positions older than that are left out before the
// insert, acknowledged and counted.
//
// # Goroutines
//
// Run has one per stream, and beside its own inserts one per further writer,
// one that looks after lag, loss, dead letters and idle consumers, and one for
// all that looks after the months; it returns when all have ended. Every reader holds one batch at
// most, so memory is bounded by the batch; what waits, waits in Redis.
//
// # Caveats
//
// What the reply to an insert means is decided by db.Classify, and in README.md.
// An error that says nothing about rows is waited out without end. Options.Health
// takes the fault at once, and it counts against readiness after a while.
package archive
