package live

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"pitwall/shard"
)

// deflateLevel is the fastest level that finds matches. Higher levels take several
// times as long and make positions frames little smaller (BenchmarkDeflater).
const deflateLevel = 1

// deflater is a shard's compressor. Its memory (some hundred KiB) is allocated at its
// first use.
type deflater struct {
	z   *flate.Writer
	out []byte
}

// NewDeflater makes a compressor for shard.Config.Deflate.
func NewDeflater() shard.Deflater { return new(deflater) }

// Append implements shard.Deflater.
func (d *deflater) Append(dst, src []byte) []byte {
	if d.z == nil {
		d.z, _ = flate.NewWriter(d, deflateLevel) // fails only for an unknown level
	}
	d.out = dst
	d.z.Reset(d)
	_, _ = d.z.Write(src) // Write below does not fail
	_ = d.z.Flush()
	dst, d.out = d.out, nil
	return dst[:len(dst)-len(flushEnd)]
}

// Write takes the compressor's output.
func (d *deflater) Write(p []byte) (int, error) {
	d.out = append(d.out, p...)
	return len(p), nil
}

// A flush ends with flushEnd, which is left out of a compressed message (RFC 7692,
// section 7.2.1). lastBlock is empty, and ends the stream.
const (
	flushEnd  = "\x00\x00\xff\xff"
	lastBlock = "\x01\x00\x00\xff\xff"
)

// inflater decompresses clients' messages, each on its own.
type inflater struct {
	in bytes.Reader
	z  io.ReadCloser
}

// inflaters keeps inflaters for reuse: each takes tens of KiB, and is in use only while
// a message is inflated.
var inflaters = sync.Pool{New: func() any {
	i := new(inflater)
	i.z = flate.NewReader(&i.in)
	return i
}}

var (
	errTooLong = errors.New("message too long")
	errDeflate = errors.New("message is not DEFLATE of UTF-8")
)

// inflate returns the text of a compressed message. The error is errTooLong if the
// text has more than limit bytes, and errDeflate if the message is no compressed text.
func inflate(message []byte, limit int) ([]byte, error) {
	i := inflaters.Get().(*inflater)
	defer inflaters.Put(i)
	i.in.Reset(append(message, flushEnd+lastBlock...))
	_ = i.z.(flate.Resetter).Reset(&i.in, nil) // never fails
	text, err := io.ReadAll(io.LimitReader(i.z, int64(limit)+1))
	i.in.Reset(nil)
	switch {
	case len(text) > limit:
		return nil, errTooLong
	case err != nil || !utf8.Valid(text):
		return nil, errDeflate
	}
	return text, nil
}

// text returns a message's text, inflated if need be. A message that cannot be inflated
// ends the connection. The dispatchers call it.
func (s *session) text(m *message) (text []byte, ok bool) {
	if !m.compressed {
		return m.data, true
	}
	text, err := inflate(m.data, s.srv.opts.MaxMessageBytes)
	s.inbox.inflated(cap(text))
	switch err {
	case nil:
		return text, true
	case errTooLong:
		s.close(1009, err.Error())
	default:
		s.close(1007, err.Error())
	}
	return nil, false
}
