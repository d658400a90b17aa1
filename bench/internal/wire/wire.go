// Package wire writes the client's half of a WebSocket connection: the request to
// upgrade, and masked frames. It is for the clients of the harness that use raw
// sockets: spectators, and attackers that break the rules on purpose.
//
// Its functions may be called from any goroutine.
package wire

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Bits of the first two bytes of a frame, and opcodes (RFC 6455, section 5.2;
// RFC 7692).
const (
	Final      = 0x80
	Compressed = 0x40
	Masked     = 0x80

	Text   = 0x1
	Binary = 0x2
	Close  = 0x8
	Ping   = 0x9
	Pong   = 0xa
)

// Upgrade is the request to upgrade at host:port, with further header lines, each
// with its line break.
func Upgrade(addr, path string, headers ...string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
		path, strings.TrimSuffix(addr, ":80"), strings.Join(headers, ""))
}

// Bearer is the header line with a token, "" without one.
func Bearer(token string) string {
	if token == "" {
		return ""
	}
	return "Authorization: Bearer " + token + "\r\n"
}

// AppendFrame appends a frame that begins with this byte. The mask is 0, so that
// the payload stays as it is.
func AppendFrame(dst []byte, first byte, payload []byte) []byte {
	dst = append(dst, first)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, Masked|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, Masked|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, Masked|127), uint64(n))
	}
	return append(append(dst, 0, 0, 0, 0), payload...)
}
