package codec

import "math"

// Topic builds the frames of one topic. It has the beginning of each frame ready, with
// the topic's name escaped, so that building a frame is a few copies. It is immutable
// and safe for concurrent use. Every method that builds frames appends to the caller's
// dst and allocates only to grow it.
type Topic struct {
	name      string
	position  string // {"type":"position","topic":…,
	positions string // {"type":"positions","topic":…,"positions":[
	snapshot  string // {"type":"snapshot","topic":…,"part":
	roster    string // {"type":"roster","topic":…,"added":[
}

// NewTopic returns the Topic with a name as clients write it: "event:4711".
func NewTopic(name string) *Topic {
	quoted := string(AppendJSONString(nil, name))
	return &Topic{
		name:      name,
		position:  `{"type":"position","topic":` + quoted + `,`,
		positions: `{"type":"positions","topic":` + quoted + `,"positions":[`,
		snapshot:  `{"type":"snapshot","topic":` + quoted + `,"part":`,
		roster:    `{"type":"roster","topic":` + quoted + `,"added":[`,
	}
}

// Name returns the name as clients write it.
func (t *Topic) Name() string { return t.name }

// AppendPositionFrame appends a position frame with the members of body, which
// AppendBody or AppendAdded has written.
func (t *Topic) AppendPositionFrame(dst, body []byte) []byte {
	dst = AppendTextFrameHeader(dst, len(t.position)+len(body)-1)
	dst = append(dst, t.position...)
	return append(dst, body[1:]...)
}

// BeginPositions opens a positions frame. AppendItem adds positions to it, and
// EndPositions closes it; nothing else may be appended in between. mark is where the
// frame begins in dst.
func (t *Topic) BeginPositions(dst []byte) (_ []byte, mark int) {
	dst, mark = beginFrame(dst)
	return append(dst, t.positions...), mark
}

// AppendItem appends body, which AppendBody or AppendAdded has written, to the open
// positions frame or snapshot body at the end of dst, after a comma if it is not the
// first.
func (t *Topic) AppendItem(dst, body []byte) []byte {
	if dst[len(dst)-1] != '[' {
		dst = append(dst, ',')
	}
	return append(dst, body...)
}

// WidenPositions may be called after each AppendItem to the frame at mark. A payload
// of 64 KiB or more needs a longer header. WidenPositions moves the payload as soon
// as that is known; otherwise EndPositions moves all of it.
func (t *Topic) WidenPositions(dst []byte, mark int) []byte { return widenFrame(dst, mark) }

// EndPositions closes the frame that BeginPositions opened at mark. It moves the
// payload unless that has 126 to 65535 bytes, for which room is reserved, because the
// header must be minimal.
func (t *Topic) EndPositions(dst []byte, mark int) []byte {
	return endFrame(append(dst, "]}"...), mark, 0)
}

// BeginPositionsBody opens the payload of a positions frame without its header.
// AppendItem adds positions to it, and EndSnapshotBody closes it.
func (t *Topic) BeginPositionsBody(dst []byte) []byte { return append(dst, t.positions...) }

// The reasons of a snapshot.
const (
	SnapshotSubscribe = "subscribe" // the answer to a subscribe
	SnapshotLagged    = "lagged"    // after a slow phase: at least what changed
	SnapshotCorrected = "corrected" // a position shown before was marked faulty
	SnapshotResume    = "resume"    // the answer to a subscribe with a cursor: at least what changed
)

// AppendSnapshotHead appends the part of a snapshot frame that is different for each
// receiver: the header and the members up to "positions". A body of exactly bodyLen
// bytes completes the frame. BeginSnapshotBody, AppendItem and EndSnapshotBody build
// the body, which any number of frames may share. part counts from 1 to parts.
// conflated, the number of updates left out, is written only if reason is
// SnapshotLagged.
func (t *Topic) AppendSnapshotHead(dst []byte, bodyLen, part, parts int, reason string, conflated uint64) []byte {
	dst, mark := beginFrame(dst)
	return endFrame(t.appendSnapshotMembers(dst, part, parts, reason, conflated), mark, bodyLen)
}

// appendSnapshotMembers appends the members of a snapshot up to "positions".
func (t *Topic) appendSnapshotMembers(dst []byte, part, parts int, reason string, conflated uint64) []byte {
	dst = appendIntMember(dst, t.snapshot, int64(part))
	dst = appendIntMember(dst, `,"parts":`, int64(parts))
	dst = appendStringMember(dst, `,"reason":`, reason)
	if reason == SnapshotLagged {
		dst = appendIntMember(dst, `,"conflated":`, int64(min(conflated, math.MaxInt64)))
	}
	return append(dst, ',')
}

// BeginSnapshotBody opens the shared part of a snapshot frame. AppendItem adds
// positions to it, and EndSnapshotBody closes it.
func (t *Topic) BeginSnapshotBody(dst []byte) []byte { return append(dst, `"positions":[`...) }

// EndSnapshotBody closes what BeginSnapshotBody or BeginPositionsBody opened.
func (t *Topic) EndSnapshotBody(dst []byte) []byte { return append(dst, "]}"...) }

// AppendRosterFrame appends a roster frame: the devices that joined the topic's event
// and those that left it. Either list may be empty.
func (t *Topic) AppendRosterFrame(dst []byte, added, removed []string) []byte {
	dst, mark := t.BeginRoster(dst)
	for _, name := range added {
		dst = t.AppendName(dst, mark, name)
	}
	dst = t.EndAdded(dst)
	for _, name := range removed {
		dst = t.AppendName(dst, mark, name)
	}
	return t.EndRoster(dst, mark)
}

// BeginRoster opens a roster frame at mark. AppendName adds the devices that joined
// and, after EndAdded, those that left. EndRoster closes the frame.
func (t *Topic) BeginRoster(dst []byte) (_ []byte, mark int) {
	dst, mark = beginFrame(dst)
	return append(dst, t.roster...), mark
}

// AppendName appends a device to the open roster frame at mark.
func (t *Topic) AppendName(dst []byte, mark int, name string) []byte {
	if dst[len(dst)-1] != '[' {
		dst = append(dst, ',')
	}
	return widenFrame(AppendJSONString(dst, name), mark)
}

// EndAdded ends the devices that joined.
func (t *Topic) EndAdded(dst []byte) []byte { return append(dst, `],"removed":[`...) }

// EndRoster closes the frame that BeginRoster opened at mark.
func (t *Topic) EndRoster(dst []byte, mark int) []byte {
	return endFrame(append(dst, "]}"...), mark, 0)
}
