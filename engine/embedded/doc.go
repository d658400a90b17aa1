// Package embedded is what stands in when the real servers are not there: an
// in-process Redis protocol server, and a simulator that publishes to it (or
// to a real Redis) as an ingestion service would.
//
// Both stand before the first step of a position's way. Nothing is short cut:
// simulated records are written with XADD over TCP, read by feed and archive
// like any other, and the simulator knows no other room.
//
// # The Redis stand-in
//
// It is miniredis, listening on a loopback address, with real time, bounded
// streams and a guard against what would end or block the process. Checked
// against a real server, command by command, in this package's tests: XADD,
// XREADGROUP with BLOCK, COUNT and NOACK, XACK, XPENDING, XAUTOCLAIM, XRANGE,
// XREVRANGE, XTRIM, XGROUP CREATE and DESTROY, SET NX PX, GET, PEXPIRE, EVAL,
// HSET, HDEL, HGETALL, EXISTS, MULTI.
//
// Every process of the machine can reach it, so it carries out the commands of
// a list (allowed.go) and refuses others. EVAL and SCRIPT LOAD take the scripts
// of Pitwall, word for word, and no others: miniredis' Lua has no limits and
// reads files. A script that takes longer than two seconds is ended at its next
// command. On an address that other machines reach, the engine asks for a
// password (EMBEDDED_REDIS_ALLOW_REMOTE, EMBEDDED_REDIS_PASSWORD); the
// connection is not encrypted.
//
// What it holds is lost with the process. Its gaps, on none of which the
// engine may rest:
//
//   - no XGROUP SETID, no CLIENT ID, KILL, SETINFO or TRACKING, no INFO
//     server; HELLO names it miniredis 8.4.0.
//   - an XADD with MINID, or with a MAXLEN beyond our own bound, is carried out
//     with that instead: MaxStreamLen entries and MaxStreamBytes, the oldest
//     make room. What the archive has not written by then is lost, as with any
//     trimming. An entry beyond MaxEntryBytes is refused;
//     its dead letter may have twice that.
//   - XINFO STREAM has only length and last-generated-id, which is "" before
//     the first entry; XINFO GROUPS has no entries-read, and lag is the length.
//   - XREADGROUP from an id ignores COUNT, and leaves out pending entries that
//     were trimmed where Redis names them with no fields; XPENDING's summary
//     does not count them, XACK answers 0 for them, XAUTOCLAIM skips them
//     without an end. NOACK reads are counted as pending in XINFO CONSUMERS.
//   - XRANGE and XREVRANGE walk the stream from its end, XREVRANGE after
//     copying it: some milliseconds on a full stream, during which nothing
//     else is served.
//   - replies are written under the one lock: a client that does not read them
//     stops the server for all, for two seconds in all, and one part in ten of
//     the time after that. Then its connection is closed.
//
// # The simulator
//
// Devices ride round a course of 54 km (course.geojson) at speeds that the
// slopes change, rest at aid stations, ride through stretches without coverage
// and send what they stored afterwards, before or after the newest fix; the first
// fix of each comes through, so that all are on the map from the start. One in
// ten publishes records of shape B, the others shape A. A few fixes are marked
// faulty, a few records are broken, and three devices belong to no event.
//
// # Goroutines
//
// StartRedis starts the server's own, Close ends them and waits. The simulator
// starts none: Run does all the work on the goroutine that calls it.
package embedded
