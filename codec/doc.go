// Package codec turns stream records into positions, and positions into WebSocket
// frames. It is a set of pure functions: no I/O, no clock, no goroutines, and no
// allocation per record or frame.
//
// # The way of a position
//
// feed and archive read entries from Redis and pass the fields of each to a Decoder,
// which checks them and fills a Position. A record is good if its required values
// are. Optional values that are wrong are left out, and LeftOut lists them. The
// archive writes the Position to the database. The shards encode it once, with
// AppendBody, as a JSON object: the body, which is the device's last value. The Topic
// of each of the device's events wraps the bytes of the body in a position frame, a
// positions frame or a snapshot. ParseRequest parses what clients send. Each answer
// has an Append function that is named after it.
//
// A record can have the time and the place of one that is shown already, and
// attributes with other names. AppendAdded adds them to the body. AddedAttributes and
// MergeAttributes do the same with attributes alone.
//
// # Frames
//
// All frames are text frames with minimal headers and without a mask, as a server
// sends them (RFC 6455). FrameHeaderLen, FramePayloadLen and FrameLen read headers,
// also those of clients. No other package knows the format of a header.
//
// # Ownership of memory
//
// A decoded Position and a parsed Request alias the memory that they were read from,
// and are valid as long as that memory. Position.Clone makes a copy that owns its
// memory. If some attributes of an object are left out, the others are copied to
// memory of their own; Decode allocates for nothing else. The error of Decode and the
// result of LeftOut are valid until the decoder's next call. Every Append function
// appends to dst and returns the longer slice, as append does. The bytes belong to the
// caller; the package does not keep them.
//
// # Caveats
//
// A Decoder may be used by one goroutine at a time, everything else by any number.
//
// Attributes are passed through as text. They are checked and not rewritten, so white
// space and escapes come out as they came in. JSON that is nested more than 32 levels
// deep is refused, except in the attributes of a flat record, which are left out
// instead.
//
// Second 60 of a leap second, which Unix time does not have, becomes the last ms before
// the next minute. An epoch time with a fraction and an RFC 3339 time with more than
// three decimals are rounded down to the millisecond.
//
// AppendBody does not check its Position. One that does not come from a Decoder must
// keep the same rules, above all that Attributes is a JSON object.
package codec
