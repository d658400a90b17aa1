// Package codec turns stream records into positions and positions into
// WebSocket frames. It is a set of pure functions: no I/O, no clock, no
// goroutines, and no allocation where a record or a frame passes.
//
// # On the way of a position
//
// feed and archive read entries from Redis and give the fields of each to a
// Decoder, which checks them and fills a Position. A record is good if its required
// values are. Optional values that are wrong are left out, and LeftOut names them.
// The archive writes the Position to the database. The shards encode it once, with
// AppendBody, as the JSON object that is the device's last value. The Topic of each
// of the device's events then wraps those same bytes: as a position frame, as an
// item of a positions frame, or into a snapshot. What clients send is parsed by
// ParseRequest. Each answer has an Append function that is named after it.
//
// A record with the time and the place of one that is shown already may still have
// attributes with other names. AppendAdded adds them to the body; AddedAttributes
// and MergeAttributes work on attributes alone.
//
// # Frames
//
// All frames are unmasked text frames with minimal headers, as a server sends them
// (RFC 6455). FrameHeaderLen, FramePayloadLen and FrameLen read headers, those of
// clients included. No other package knows their format.
//
// # Whose bytes
//
// A decoded Position and a parsed Request alias the memory they were read from
// and live as long as that; Position.Clone makes a copy with memory of its own. The exception is an
// object of attributes of which some were left out: the rest is copied into memory
// of its own, the only thing for which Decode allocates. The error of Decode and the
// answer of LeftOut are valid until the decoder's next call.
// Every Append function appends to dst and returns the longer slice, as append
// does: the bytes belong to the caller, and nothing is kept.
//
// # Caveats
//
// A Decoder belongs to one goroutine at a time; everything else may be called from
// any. Attributes are passed through as text: they are checked and not rewritten,
// so white space and escapes come out as they came in. Nesting beyond 32 levels is
// refused, except in the attributes of a flat record, which are left out instead. The
// second 60 of a leap second, which Unix time does not have, is the last ms before the
// next minute. An epoch time with a fraction and an RFC 3339 time with more than three
// decimals are truncated to the millisecond. AppendBody trusts its Position: one that
// does not come from a Decoder must keep the same rules, above all that Attributes is a
// JSON object.
package codec
