// Package archive is the durable path. It reads every record from the streams
// and writes it to the table positions exactly once, whatever fails on the way.
//
// It runs beside package feed and shares only the database with the live path.
// It has its own goroutines, its own retries and its own consumer group,
// durable-write, in which each process is one consumer. While the database is
// unreachable, the archive waits and the stream keeps the records; spectators are
// not affected.
//
// # From the stream to the acknowledgement
//
// One reader per stream (reader.go) repeats these steps:
//
//	reader.readBatch          XREADGROUP: new entries, a batch at most
//	  batch.fill              decode, and sort into the parts of the batch
//	  writer.writeBatch       three steps; a crash between two of them loses nothing:
//	    writer.insertParts    1. commit the positions, each part in a goroutine
//	      writer.insertRows      one statement; its halves when it is refused
//	        writer.insertWithRetry  waits while the database is unreachable
//	          db.InsertPositions    BEGIN, INSERT, compare, COMMIT
//	    writer.writeLetters   2. write the dead letters and acknowledge them
//	    Client.Ack            3. acknowledge the rest: one XACK
//
// A dead letter is a record that does not decode, a position whose device and
// time the table holds with other content (ts_conflict), or a position that the
// database refuses. It goes to the stream whose key is that of its source plus
// ":dead". Of two positions with one device and time the first one stays, so a
// step that a crash interrupted can be repeated:
//
//   - between read and commit: the entries are pending, and nothing was written;
//   - between commit and XACK: the entries are pending, and their rows, which
//     are there already, count as duplicates;
//   - between commit and dead letter: the same. The server writes the letter and
//     acknowledges its entry in one step.
//
// Entries that are pending on this consumer are read again at the start, after
// every read, insert or acknowledgement that failed, and before Run returns
// (pending.go). Entries of other consumers are claimed when they have been
// pending for ClaimIdle. A group that was lost is created again at the beginning of
// the stream, so that nothing is skipped: rows that are in the table already count
// as duplicates.
//
// # Entries that are held back
//
// The database may refuse a row for a reason that concerns every row, such as a
// broken trigger. So a refused row is not a dead letter at once. Its entry stays
// pending while the reader goes on (heldback.go). When another row was inserted
// after the refusal (acceptance.go) and the row is refused again, the row is at
// fault and becomes a dead letter. Entries whose dead letter cannot be written
// are held back as well. The reader retries all of them at an interval. At a
// bound it stops reading the stream until there is room.
//
// # What can be lost
//
// Records are lost that Redis trims or loses before they are archived. Trimmed
// records are counted and logged, whether they were pending or never delivered
// (gap.go). README.md, beside this file, is the reference for operators.
//
// # Monthly partitions
//
// The table may consist of monthly partitions. The archive then makes months
// ahead of time, makes the month of a position when it is missing, and detaches
// months that are older than the retention (partitions.go). Older positions are
// not inserted, but acknowledged and counted (expiry.go).
//
// # Goroutines
//
// Run starts one reader per stream, one monitor per stream (lag, loss, dead
// letters, idle consumers) and one goroutine that maintains the months. A reader
// with several writers adds one goroutine for each further part of a batch, and
// waits for them. Run returns when all have ended. A reader holds one batch at
// most, so memory is bounded by the batch size; the backlog stays in Redis.
//
// # Errors
//
// db.Classify decides what the archive does after a failed insert; README.md has
// the table. An error that is not about the rows is retried without limit.
// Options.Health is told of each fault at once. The fault counts against readiness
// after Options.ReadyFault.
package archive
