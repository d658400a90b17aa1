package codec

import "encoding/binary"

// rsv1 marks the first frame of a compressed message (RFC 7692, section 6).
const rsv1 = 0x40

// BeginDeflated opens a text frame whose payload is a compressed message. The caller
// appends DEFLATE (RFC 1951) without the last four bytes of its flush (RFC 7692,
// section 7.2.1). mark is where the frame begins in dst. Safe for concurrent use,
// like all functions of this file.
func BeginDeflated(dst []byte) (_ []byte, mark int) {
	dst, mark = beginFrame(dst)
	dst[mark] |= rsv1
	return dst, mark
}

// AppendDeflatedFrameHeader is AppendTextFrameHeader for a payload that is a
// compressed message.
func AppendDeflatedFrameHeader(dst []byte, payloadLen int) []byte {
	mark := len(dst)
	dst = AppendTextFrameHeader(dst, payloadLen)
	dst[mark] |= rsv1
	return dst
}

// WidenDeflated is WidenPositions for the frame that BeginDeflated opened at mark.
// The caller calls it after each piece of the payload.
func WidenDeflated(dst []byte, mark int) []byte { return widenFrame(dst, mark) }

// EndDeflated closes the frame that BeginDeflated opened at mark.
func EndDeflated(dst []byte, mark int) []byte { return endFrame(dst, mark, 0) }

// storedHeader is the length of what precedes the bytes of a stored block that begins
// on a byte boundary: three bits, padding, LEN and NLEN (RFC 1951, section 3.2.4).
const storedHeader = 5

// MaxDeflatedName is the longest name, in bytes, of a topic whose snapshots can be
// compressed. The head must fit into one stored block of 64 KiB, and JSON can write
// one byte of the name as six.
const MaxDeflatedName = 8 << 10

// AppendDeflatedSnapshotHead is AppendSnapshotHead for a compressed body of bodyLen
// bytes, which any number of frames may share: what BeginSnapshotBody and
// EndSnapshotBody have built, compressed on its own. The head comes before it as a
// stored block, which ends on a byte boundary. The body refers to no bytes before
// itself, so the two are one DEFLATE stream. The topic's name must not be longer
// than MaxDeflatedName.
func (t *Topic) AppendDeflatedSnapshotHead(dst []byte, bodyLen, part, parts int, reason string, conflated uint64) []byte {
	dst, mark := BeginDeflated(dst)
	dst = append(dst, make([]byte, storedHeader)...)
	start := len(dst)
	dst = t.appendSnapshotMembers(dst, part, parts, reason, conflated)
	n := uint16(len(dst) - start)
	binary.LittleEndian.PutUint16(dst[start-storedHeader+1:], n)
	binary.LittleEndian.PutUint16(dst[start-storedHeader+3:], ^n)
	return endFrame(dst, mark, bodyLen)
}
