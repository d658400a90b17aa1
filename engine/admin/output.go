package admin

import (
	"io"

	"pitwall/engine/internal/plain"
)

// Plain returns a writer that escapes control characters and bidirectional marks
// before it writes to w. All output of commands goes through it.
func Plain(w io.Writer) io.Writer { return plain.Writer{To: w} }
