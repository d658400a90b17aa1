package shard

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pitwall/codec"
)

// A flush that is compressed in slices has the same frames as the uncompressed one, and
// its roster marks at the same frames.
func TestCompressionInSlicesKeepsFramesAndMarks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		x := newSliced(t, slicedClients["deflated"], buildBounds{devices: 1 << 20, copied: 1 << 20, compressed: 1 + rng.IntN(3000), moved: 1 + rng.IntN(500), serves: 1})
		topic, q := x.fast.held["e"].frames, pending{chunk: x.w.livePool.get(0)}
		for range 1 + rng.IntN(6) {
			for n := range rng.IntN(60) {
				q.add(topic, encodingBatch, fmt.Appendf(nil, `{"deviceId":"d%d","ts":%d}`, n, rng.Uint64()))
			}
			if rng.IntN(3) > 0 {
				q.frame(topic, topic.AppendRosterFrame(nil, trackers(rng.IntN(100)), nil))
			}
		}
		if len(q.chunk.body) == 0 {
			continue
		}
		plain := q.take(topic)
		plain.pool.startBroadcasts(plain, 2) // one reference for the test
		r := broadcast{chunk: plain, compression: &liveCompression{store: newStore(&x.w.deflate.pool, 10), rosterMarks: plain.rosterMarks}}
		for r.compression != nil {
			x.w.compressLive(&r)
		}
		if r.chunk == plain {
			continue
		}
		want(t, "roster marks", len(r.chunk.rosterMarks), len(plain.rosterMarks))
		want(t, "records", r.chunk.records, plain.records)
		frames := func(ch *Chunk) (list []string) {
			for b := ch.body; len(b) > 0; b = b[codec.FrameLen(b):] {
				text := x.c.plain(b[:codec.FrameLen(b)])
				list = append(list, string(text[codec.FrameHeaderLen(text):]))
			}
			return list
		}
		want(t, "frames", frames(r.chunk), frames(plain))
		for i, s := range r.chunk.rosterMarks {
			at := x.c.plain(r.chunk.body[s.at:][:codec.FrameLen(r.chunk.body[s.at:])])
			was := plain.body[plain.rosterMarks[i].at:][:codec.FrameLen(plain.body[plain.rosterMarks[i].at:])]
			want(t, "frame at a roster mark", string(at[codec.FrameHeaderLen(at):]), string(was[codec.FrameHeaderLen(was):]))
			want(t, "records before a roster mark", s.records, plain.rosterMarks[i].records)
		}
	}
}
