// Package live is the last step on the way of a position: it takes the chunks that the
// shards have put into each connection's ring, and writes them to the WebSocket clients.
// It speaks the protocol of README.md. It is the only package that imports gws.
//
// # Goroutines
//
//   - One reader per connection runs gws' ReadLoop, and only passes each message on: its
//     stack of 2 KiB has no room for one more frame.
//   - A few dispatchers carry out requests. A session is queued to them at most once, and
//     has at most one command with the shards.
//   - A few writers, one per run queue of the core. In each turn, a writer writes what a
//     connection has queued with one non-blocking system call.
//   - One goroutine per full socket waits on the network poller until the kernel takes
//     more. Until then nobody else touches that socket.
//   - One heartbeat goroutine, one that has sessions checked again, one that adapts the
//     flush window, and one that limits the memory held for all connections.
//   - Questions about access are asked on goroutines of their own, since a platform may be
//     slow: at most 128 for requests, and 32 for checks of existing sessions. Equal
//     questions are asked once (authpool.go).
//
// Server.Run owns them all, and returns when they have ended.
//
// # Who writes
//
// gws writes its handshake and close frames through a net.Conn of this package whose
// Write only queues. The writer is the single owner of the socket, so frames never
// interleave. A close frame is the last thing that is written: the current frame is
// finished, everything else in the queue is dropped.
//
// # Systems without writev
//
// portable.go takes the place of raw.go where a system has no writev or no
// TCP_NOTSENT_LOWAT (Windows, FreeBSD), and with the tag portable. There every session
// with something to send gets a goroutine, as over TLS. That is slower, and an idle
// connection takes more memory. A write has up to 16 KiB, which cannot be taken back from
// a slow connection, and the kernel's send buffer is limited instead of its unsent bytes.
//
// # What is held, and who waits
//
// Everything held for one connection alone is counted at its real size (account.go). What
// connections share is counted by the core, once. Replies and waiting requests have a
// budget in bytes per connection. While replies are not read, no request is carried out;
// while requests wait, the socket is not read. So a client that floods fills its own TCP
// window. A client that exceeds its request rate is refused once, and then its requests
// wait for a second (throttle.go). Each connection has an allowance of snapshot bytes
// (allowance.go): beyond it, the next subscribe waits, and so do the requests after it.
//
// session.task is the only place that decides what a session does next. Where the session
// waits, task names what ends the wait.
//
// # Compression
//
// This package agrees on permessage-deflate itself (offer.go), without context takeover,
// so that the shards compress once for all. gws passes a client's compressed messages on
// as they are (framevalidator.go), and the dispatchers inflate them.
//
// # Who may stay
//
// Every session is checked once per interval, spread out, and at once when access has
// changed (recheck.go). A check asks about the session, then about its subscriptions one
// after the other. Each answer is applied when it comes (sessioncheck.go), whatever the
// session itself waits for. A grace period begins with a check and ends with a yes. If it
// runs out first, the session or the subscription ends, even without an answer (grace.go).
// Recheck counts the changes of access: an answer to a question from before the last
// change is not used for a request.
//
// # Caveats
//
// The requests of one session are carried out one after the other: a subscribe waits for
// the unsubscribe before it. A session whose socket takes nothing for
// Options.WriteTimeout is closed with 4408, which the client can hardly ever read.
//
// Over TLS a record that has begun is written whole, so up to 16 KiB beyond the current
// frame cannot be taken back from a slow connection.
package live
