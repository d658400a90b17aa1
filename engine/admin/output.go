package admin

import (
	"io"

	"pitwall/engine/internal/plain"
)

// Plain returns a writer that passes lines on to w with control characters and
// bidirectional marks escaped. What commands print goes through it.
func Plain(w io.Writer) io.Writer { return plain.Writer{To: w} }
