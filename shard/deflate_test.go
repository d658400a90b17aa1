package shard

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"

	"pitwall/codec"
)

// deflater is a Deflater that uses the same library as the live server.
type deflater struct {
	w   *flate.Writer
	out []byte
}

func newDeflater() Deflater {
	f := &deflater{}
	f.w, _ = flate.NewWriter(nil, 1) // fails for a level out of range only
	return f
}

// sharedDeflater is for rigs, whose shards the test turns one after the other. One is
// enough for all tests, and it needs a megabyte.
var sharedDeflater = newDeflater()

func oneDeflater() Deflater { return sharedDeflater }

func (f *deflater) Write(p []byte) (int, error) {
	f.out = append(f.out, p...)
	return len(p), nil
}

func (f *deflater) Append(dst, src []byte) []byte {
	f.out = dst
	f.w.Reset(f)
	_, _ = f.w.Write(src)
	_ = f.w.Flush()
	return f.out[:len(f.out)-4]
}

// plain returns a frame as it was before compression. It checks the rules of RFC 7692.
func (c *client) plain(frame []byte) []byte {
	c.r.t.Helper()
	if frame[0]&0x40 == 0 {
		return frame
	}
	if !c.conn.compresses {
		c.r.t.Fatal("a compressed frame for a connection without compression")
	}
	c.deflated++
	tail := "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	text, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(frame[codec.FrameHeaderLen(frame):]), strings.NewReader(tail))))
	if err != nil {
		c.r.t.Fatalf("frame % x: %v", frame, err)
	}
	return codec.AppendTextFrame(nil, text)
}

// deflating returns a client with compression.
func (r *rig) deflating() *client {
	c := r.client(true)
	c.conn.AcceptDeflate()
	return c
}

// trackers returns n ids of devices, all of one length.
func trackers(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("tracker-%04d", i))
	}
	return names
}

// compressing returns a rig that compresses, with an event of n devices with positions.
func compressing(t *testing.T, shards, n int) (r *rig, names []string) {
	r = newRig(t, Config{Shards: shards, Deflate: newDeflater})
	names = trackers(n)
	r.roster(map[string][]string{"e": names})
	r.sendAll(names, base)
	r.settle()
	return r, names
}

// sendAll sends one position of each device and gives its shard a turn.
func (r *rig) sendAll(names []string, ts int64) {
	r.t.Helper()
	for _, d := range names {
		r.send(d, ts)
		r.turn(r.core.ShardOf(d))
	}
}

func TestCompressedClientsSeeTheSame(t *testing.T) {
	r, names := compressing(t, 2, 60)
	clients := []*client{r.client(false), r.client(true), r.deflating()}
	for _, c := range clients {
		c.subscribe("e", 0)
	}
	r.settle()
	for i := range int64(5) {
		r.sendAll(names, base+1+2*i)
		if i == 2 { // a roster frame between two positions frames
			r.roster(map[string][]string{"e": names[1:]})
			names = names[1:]
			r.sendAll(names, base+2+2*i)
		}
		r.pass(100 * time.Millisecond)
		r.settle()
		for _, c := range clients {
			c.read()
		}
	}
	for _, c := range clients[1:] {
		want(t, "screen", c.screen.seen, clients[0].screen.seen)
	}
	// A snapshot and five flushes from each shard. In one flush of one shard, a roster frame
	// stands between two frames.
	want(t, "log", clients[2].screen.log, clients[1].screen.log)
	want(t, "compressed frames", []int{clients[0].deflated, clients[1].deflated, clients[2].deflated}, []int{0, 0, 13})
	s := r.core.Stats()
	if s.Deflated == 0 || s.DeflateOut*2 > s.DeflateIn {
		t.Errorf("%d chunks compressed from %d to %d bytes, want less than half", s.Deflated, s.DeflateIn, s.DeflateOut)
	}
}

// Two connections with compression get the same chunk.
func TestFlushIsCompressedOnce(t *testing.T) {
	r := newRig(t, Config{Shards: 1, Deflate: newDeflater})
	names := trackers(30)
	r.roster(map[string][]string{"e": names})
	a, b := r.deflating(), r.deflating()
	a.subscribe("e", 0)
	b.subscribe("e", 0)
	r.settle()
	a.read()
	b.read()
	r.sendAll(names, base)
	r.pass(time.Second)
	r.settle()
	r.pass(time.Second)
	r.settle()
	for x, y := a.conn.consumer().Take(), b.conn.consumer().Take(); x != nil || y != nil; x, y = a.conn.consumer().Take(), b.conn.consumer().Take() {
		if x != y {
			t.Fatal("two connections with the same encoding get different chunks")
		}
		if x.Len() >= minCompress {
			want(t, "RSV1", x.Body()[0], byte(0xc1))
		}
	}
}

func TestShortFramesAreNotCompressed(t *testing.T) {
	r := newRig(t, Config{Shards: 1, Deflate: newDeflater})
	names := trackers(2)
	r.roster(map[string][]string{"e": names})
	c, other := r.deflating(), r.client(true)
	c.subscribe("e", 0)
	other.subscribe("e", 0)
	r.settle()
	r.sendAll(names, base)
	r.pass(time.Second)
	r.settle()
	c.read()
	other.read()
	want(t, "compressed frames", c.deflated, 0)
	want(t, "log", c.screen.log, other.screen.log)
	want(t, "bytes that are not released at rest", r.core.Stats().OutstandingBytes, int64(0))
}

// A frame that compression makes longer is sent uncompressed.
func TestFramesThatGrowAreNotCompressed(t *testing.T) {
	w := &worker{core: new(Core)}
	w.deflate.pool.memory = &w.core.memory
	w.deflate.Deflater = growing{}
	frame := codec.AppendTextFrame(nil, bytes.Repeat([]byte("x"), 1000))
	z, ch := new(Chunk), &Chunk{body: append(frame, frame...)}
	if w.compressFrames(z, ch) || !bytes.Equal(z.body, ch.body) {
		t.Errorf("%d bytes, want the two frames as they were", len(z.body))
	}
	ch = &Chunk{body: frame}
	if w.compressBody(ch) != ch || w.compressedFrames(ch) != ch {
		t.Error("a longer body is used")
	}
	want(t, "counts", w.count, counts{})
}

// If compression makes a snapshot longer, it is tried once for all subscribers.
func TestSnapshotsThatGrowAreCompressedOnce(t *testing.T) {
	tries := 0
	r := newRig(t, Config{Shards: 1, Deflate: func() Deflater { return &counting{tries: &tries} }})
	names := trackers(40)
	r.roster(map[string][]string{"e": names})
	r.sendAll(names, base)
	watcher := r.subscriber("e", true, 0)
	w, p := r.core.workers[0], watcher.held["e"].shards[0]
	for range 3 {
		ch := w.body(p, bodyKey{kind: bodyCompressedSnapshot})
		if ch.compressed || !bytes.Equal(ch.body, w.body(p, bodyKey{kind: bodySnapshot}).body) {
			t.Error("a longer body is used")
		}
	}
	want(t, "tries", tries, 1)
}

// counting is a growing Deflater that counts its calls.
type counting struct {
	growing
	tries *int
}

func (c *counting) Append(dst, src []byte) []byte {
	*c.tries++
	return c.growing.Append(dst, src)
}

// growing is a Deflater whose output is longer than its input: stored blocks, the first of
// them empty.
type growing struct{}

func (growing) Append(dst, src []byte) []byte {
	dst = append(dst, 0, 0, 0, 0xff, 0xff)
	n := len(src)
	dst = append(dst, 0, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
	return append(append(dst, src...), 0)
}

// A connection that gets single position frames has compressed snapshots too. Intervals
// work with both encodings.
func TestCompressedSnapshotsAndIntervals(t *testing.T) {
	r, names := compressing(t, 1, 40)
	plain, batch, uncompressed := r.client(false), r.deflating(), r.client(true)
	plain.conn.AcceptDeflate()
	for _, c := range []*client{plain, batch, uncompressed} {
		c.subscribe("e", time.Second)
	}
	r.settle()
	for i := range int64(30) {
		r.pass(100 * time.Millisecond)
		r.sendAll(names, base+1+i)
		r.settle()
	}
	for _, c := range []*client{plain, batch, uncompressed} {
		c.read()
	}
	want(t, "screens", []any{plain.screen.seen, batch.screen.seen}, []any{uncompressed.screen.seen, uncompressed.screen.seen})
	want(t, "compressed for position frames", plain.deflated, 1)
	want(t, "compressed for positions frames", batch.deflated, 4)
}

func TestLaggedSnapshotsAreCompressed(t *testing.T) {
	r := newRig(t, Config{Shards: 2, RingSlots: 4, Deflate: newDeflater})
	names := trackers(80)
	r.roster(map[string][]string{"e": names})
	slow, fast := r.deflating(), r.client(true)
	slow.subscribe("e", 0)
	fast.subscribe("e", 0)
	r.settle()
	slow.read()
	for i := range int64(10) {
		r.pass(100 * time.Millisecond)
		r.sendAll(names, base+i)
		r.settle()
		fast.read()
	}
	if !slow.conn.Lagged() {
		t.Fatal("the slow connection is not lagged")
	}
	before := slow.deflated
	r.readUntilRecovered(slow)
	fast.read()
	want(t, "screen", slow.screen.seen, fast.screen.seen)
	if n := slow.deflated - before; n < 2 {
		t.Errorf("%d compressed frames, want a lagged snapshot from each shard", n)
	}
	conflated := uint64(0)
	for _, f := range slow.screen.all {
		if f.Reason == "lagged" {
			conflated += f.Conflated
		}
	}
	if conflated == 0 {
		t.Error("the lagged snapshots do not have the number of updates left out")
	}
}

// If the name is too long for a stored block, the snapshot is sent uncompressed.
func TestSnapshotOfAVeryLongNameIsNotCompressed(t *testing.T) {
	r := newRig(t, Config{Shards: 1, Deflate: newDeflater})
	names := trackers(40)
	for _, n := range []int{codec.MaxDeflatedName - len("event:"), codec.MaxDeflatedName, 70000} {
		event := strings.Repeat("\x01", n)
		r.roster(map[string][]string{event: names})
		r.sendAll(names, base+int64(n))
		r.settle()
		c := r.deflating()
		c.subscribe(event, 0)
		r.settle()
		c.read()
		want(t, "devices", len(c.screen.seen["event:"+event]), 40)
		want(t, fmt.Sprintf("compressed with a name of %d bytes", n), c.deflated == 1, n+len("event:") <= codec.MaxDeflatedName)
	}
}

func TestFrameEndFindsCompressedFrames(t *testing.T) {
	w := &worker{core: new(Core)}
	w.deflate.pool.memory = &w.core.memory
	w.deflate.Deflater = newDeflater()
	long := codec.AppendTextFrame(nil, []byte(strings.Repeat("position ", 2000)))
	noise := codec.AppendTextFrame(nil, []byte(strings.Repeat("ab", 200)))
	ch := &Chunk{shard: &topicShard{}, records: 9, rosterMarks: []rosterMark{{len(long), 5}}}
	for _, b := range [][]byte{long, noise, long} {
		ch.body = append(ch.body, b...)
	}
	z := new(Chunk)
	if !w.compressFrames(z, ch) {
		t.Fatal("nothing was compressed")
	}
	first, all := codec.FrameLen(z.body), len(z.body)
	if z.body[0] != 0xc1 || first >= len(long) || z.shard != ch.shard || z.records != 9 {
		t.Fatalf("first frame of %d bytes begins with %#x", first, z.body[0])
	}
	for off, end := range map[int]int{0: 0, 1: first, first - 1: first, first: first, first + 1: first + len(noise), all - 1: all} {
		want(t, fmt.Sprintf("end after %d", off), z.FrameEnd(off), end)
	}
	for off, records := range map[int]uint64{0: 0, first: 5, first + len(noise): 5, all: 9} {
		want(t, fmt.Sprintf("records up to %d", off), z.recordsTo(off), records)
	}
}
