//go:build portable || !(linux || darwin)

package live

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// This file reads and writes sockets through package net alone, for systems without
// writev and TCP_NOTSENT_LOWAT. The tag portable selects it anywhere, so that the tests
// run through it on Linux.
//
// Package net has no write that does not wait. So a writer never writes: it parks every
// session that has something to send, as it does with TLS, and a goroutine of the session
// writes until the queue is empty. Bounds, lags and time-outs are those of a full socket.

// errFull is the error of a socket that can only be written by waiting for it.
var errFull = errors.New("the socket must be waited for")

// useRaw leaves every socket to package net.
func (k *socket) useRaw() {}

// sendBufferShare is how many times the allowed unsent bytes the send buffer has, since
// it also holds what was sent and is not acknowledged.
const sendBufferShare = 4

// limitUnsent bounds what the kernel holds unsent, in bytes, by a send buffer of
// sendBufferShare times that size. 0 leaves the kernel's default.
func (k *socket) limitUnsent(bytes int) error {
	conn, ok := innermost(k.Conn).(interface{ SetWriteBuffer(bytes int) error })
	if !ok {
		return fmt.Errorf("set SO_SNDBUF: no socket under a %T", k.Conn)
	}
	if bytes <= 0 {
		return nil
	}
	const most = 1 << 30 // so that the product fits 32 bits
	if err := conn.SetWriteBuffer(sendBufferShare * min(bytes, most/sendBufferShare)); err != nil {
		return fmt.Errorf("set SO_SNDBUF: %w", err)
	}
	return nil
}

// rawOutput is empty: nothing is written past package net.
type rawOutput struct{}

// write returns errFull, unless the socket is closed: only the goroutine of a parked
// session writes.
func (w *writer) write(s *session) (int, error) {
	if s.fd.state.Load()&fdShut != 0 {
		return 0, errClosed
	}
	return 0, errFull
}

// writeWaiting waits until the socket has taken up to tlsRecord bytes, or a part of them
// within the write time-out.
func (o *output) writeWaiting(s *session) (int, error) {
	if plainTCP(s.sock.Conn) == nil {
		return o.writeTLS(s)
	}
	n, err := o.writeRecord(s, func(int) int64 { return waitBytes + tlsRecord })
	// Windows does not promise to tell how much of a write that was cancelled is sent.
	if n > 0 && os.IsTimeout(err) && runtime.GOOS != "windows" {
		return n, nil
	}
	return n, err
}
