// Package codec turns stream records into positions and positions into
// WebSocket frames. It is a set of pure functions: no I/O, no clock, no
// goroutines, and no allocation where a record or a frame passes.
//
// # On the way of a position
//
// feed and archive read entries from Redis and give each one's fields to a
// Decoder, which checks everything that contract 1 asks for and fills a
// Position. The archive writes that to the database. The shards encode it
// once, with AppendBody, as the JSON object that is the device's last value;
// the Topic of each of the device's events then wraps those same bytes as a
// position frame, as an item of a positions frame or into a snapshot. What
// clients send comes in through ParseRequest; the answers are the Append
// functions that are named after them.
//
// # Whose bytes
//
// A decoded Position and a parsed Request alias the memory they were read from
// and live as long as that; Position.Clone cuts the tie. The error of Decode
// belongs to the decoder until its next call. Every Append function writes
// behind dst and returns the longer slice, as append does: the bytes belong to
// the caller, and nothing is kept.
//
// # Caveats
//
// A Decoder belongs to one goroutine at a time; all else may be called from
// any. Attributes are passed through as text: they are checked, not rewritten,
// so white space and escapes come out as they came in. Nesting beyond 32
// levels is refused. So is the second 60 of a leap second, which Unix time
// does not have. An epoch time with a fraction and an RFC 3339 time with more
// than three decimals are cut to the millisecond they lie in. AppendBody
// trusts its Position: what does not come from a Decoder must keep the same
// rules, above all that Attributes is a JSON object.
package codec
