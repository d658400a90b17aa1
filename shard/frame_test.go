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
