// Package live is the last step on the way of a position: it takes the chunks
// that the shards have put into each connection's ring and writes them to the
// WebSocket clients. It speaks the protocol (README.md). It is the only package
// that imports gws.
//
// # Goroutines
//
//   - One reader per connection runs gws' ReadLoop and does nothing but hand
//     each message over, on a stack of 2 KiB that has no room for a frame more.
//   - A few dispatchers carry out requests. A session is queued to them at
//     most once and has at most one command with the shards.
//   - A few writers, one per run queue of the core, each write what their
//     connections have queued with one non-blocking system call per turn.
//   - One goroutine per socket that is full waits on the network poller until
//     the kernel takes more. Until then nobody else touches that socket.
//   - One heartbeat goroutine, one that has sessions asked about again, and
//     one that looks at the memory that is held for all.
//   - Access decisions are waited for on goroutines of their own, since a
//     platform may be slow: 128 at most for what clients want, and 32 for whether
//     they may stay. Equal questions are asked once (authpool.go).
//
// Server.Run owns them all and returns when they have ended.
//
// # Who writes
//
// gws writes its handshake and close frames through a net.Conn of ours whose
// Write only queues; the writer is the single owner of the socket, so frames
// never interleave. A close frame is the last thing that is written: the frame
// begun is finished, whatever else is queued is dropped.
//
// # What is held, and who waits
//
// Everything held for one connection alone is counted at its real size
// (account.go); what connections share is counted by the core, once. Replies and
// waiting requests have a budget in bytes per connection. When replies are not
// read, no request is carried out; when requests wait, the socket is not read. So
// a client that floods fills its own window. One that sends more than its rate is
// refused once and then not read for a second (throttle.go). One that subscribes
// again and again has an allowance of snapshots in bytes (allowance.go); beyond it
// its next subscribe waits, with the requests after it.
//
// session.task is the one place that decides what a session does next. Where it
// waits, task names whose schedule ends the wait.
//
// # Compression
//
// permessage-deflate is agreed on by live itself (offer.go), without context
// takeover, so that the shards compress once for all. A client's compressed
// messages pass gws as they are (framevalidator.go) and are inflated by the dispatchers.
//
// # Who may stay
//
// Every session is asked about again once per interval, spread out, and at once
// when access has changed (recheck.go). Its topics are asked about one after the
// other, and each answer is carried out when it comes (sessioncheck.go), whatever the
// session waits for itself. What is asked about is in doubt until there is a yes;
// a doubt ends by the clock (grace.go). Recheck counts the changes of access: an
// answer to a question from before the last one is not used for a client.
//
// # Caveats
//
// Request handling of one session is sequential: a subscribe waits for the
// unsubscribe before it. A session whose socket takes nothing for
// Options.WriteTimeout is closed with 4408, which it can hardly ever read.
//
// Over TLS a record that has begun is written whole, so that up to 16 KiB more
// than the frame begun cannot be taken back from a slow connection.
package live
