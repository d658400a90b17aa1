// Package embedded has stand-ins for the real servers: an in-process Redis protocol
// server, and a simulator that publishes to it (or to a real Redis) as an ingestion
// service would.
//
// Both come before the first step of a position. They use no shortcut: simulated
// records are written with XADD over TCP, and feed and archive read them like any
// others. The simulator uses no other package of the engine.
//
// # The Redis stand-in
//
// It is miniredis on a loopback address, with keys that expire by the clock, bounded
// streams, and checks against requests that would crash or block the process. The
// tests of this package compare it with a real server, command by command: XADD, XREADGROUP with BLOCK,
// COUNT and NOACK, XACK, XPENDING, XAUTOCLAIM, XRANGE, XREVRANGE, XTRIM, XGROUP
// CREATE and DESTROY, SET NX PX, GET, PEXPIRE, EVAL, HSET, HDEL, HGETALL, EXISTS,
// MULTI.
//
// A request passes guardedConn (is it valid?), commandFilter (is it bounded?) and
// authorizer (is it allowed?) before miniredis runs it.
//
// Every process of the machine can reach the server, so it runs only the commands of
// a list (authorizer.go). EVAL and SCRIPT LOAD accept only the
// scripts of Pitwall, word for word: the Lua of miniredis has no limits and can read
// files. A script that takes longer than two seconds is ended at its next command.
// On an address that other machines reach, the engine requires a password
// (EMBEDDED_REDIS_ALLOW_REMOTE, EMBEDDED_REDIS_PASSWORD). The connection is not
// encrypted.
//
// Its data is lost with the process. It differs from a real server as follows, and the
// engine relies on none of this:
//
//   - no XGROUP SETID, no CLIENT ID, KILL, SETINFO or TRACKING, no INFO
//     server; HELLO names it miniredis 8.4.0.
//   - an XADD with MINID, or with a MAXLEN beyond our own bound, runs with our bound
//     instead: MaxStreamLen entries and MaxStreamBytes; the oldest are trimmed. As
//     with any trimming, entries that the archive has not written yet are lost. An
//     entry beyond MaxEntryBytes is refused; a dead letter may have twice that.
//   - XINFO STREAM has only length and last-generated-id, which is "" before
//     the first entry; XINFO GROUPS has no entries-read, and lag is the length.
//   - XREADGROUP from an id ignores COUNT. Pending entries that were trimmed are
//     left out of its reply, where Redis returns them without fields; XPENDING's
//     summary does not count them, XACK returns 0 for them, and XAUTOCLAIM does not
//     report them. NOACK reads are counted as pending in XINFO CONSUMERS.
//   - XRANGE and XREVRANGE walk the stream from its end, XREVRANGE after
//     copying it. On a full stream this takes some milliseconds, during which no
//     other command runs.
//   - replies are written under the only lock: a client that does not read them
//     blocks the server for every client, for at most two seconds at once and one
//     tenth of the time in the long run. Then its connection is closed.
//
// # The simulator
//
// Devices ride round a course of 54 km (course.geojson). Slopes change their speed.
// They rest at aid stations, store fixes in sections without coverage, and send them
// afterwards, before or after the newest fix. The first fix of each device is sent
// even without coverage, so that all are on the map from the start. One device in ten publishes
// records of shape B, the others shape A. A few fixes are marked faulty, a few
// records are broken, and three devices belong to no event.
//
// # Goroutines
//
// StartRedis starts those of the server; Close ends them and waits. The simulator
// starts none: Run works on the goroutine that calls it.
package embedded
