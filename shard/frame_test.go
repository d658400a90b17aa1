package shard

import (
	"encoding/json"
	"fmt"

	"pitwall/codec"
)

// frame is a frame of the server, of any type.
type frame struct {
	Type, Topic, Reason string
	point
	Part, Parts    int
	Conflated      uint64
	Positions      []point
	Added, Removed []string
}

// point is one position in a frame.
type point struct {
	DeviceID   string
	TS         int64
	Lat        float64
	Attributes map[string]any
}

// parseFrame reads a frame that is not compressed.
func parseFrame(b []byte) (f frame, err error) {
	text := b[codec.FrameHeaderLen(b):]
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("frame %q: %w", text, err)
	}
	return f, nil
}

// parsedFrames remembers frames, because many connections get the same ones and parsing
// takes much of a test's time. Its frames must not be changed.
type parsedFrames struct{ byBytes map[string]frame }

// parse is parseFrame. The screens of a rig, which one goroutine uses, share p.
func (p *parsedFrames) parse(b []byte) (frame, error) {
	if p == nil {
		return parseFrame(b)
	}
	f, ok := p.byBytes[string(b)]
	if ok {
		return f, nil
	}
	f, err := parseFrame(b)
	if err != nil {
		return f, err
	}
	if p.byBytes == nil || len(p.byBytes) >= 1000 {
		p.byBytes = map[string]frame{}
	}
	p.byBytes[string(b)] = f
	return f, nil
}
