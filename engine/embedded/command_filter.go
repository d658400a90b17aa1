package embedded

import (
	"slices"
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// commandFilter is the hook that miniredis calls before every command. Any
// goroutine may use it.
type commandFilter struct {
	server     *server.Server
	authorizer *authorizer
	maxLen     int // entries a stream may hold
	sizes      streamSizes
}

func newCommandFilter(s *server.Server, g *authorizer, maxLen, maxBytes int) *commandFilter {
	return &commandFilter{server: s, authorizer: g, maxLen: maxLen, sizes: newStreamSizes(maxLen, maxBytes)}
}

const (
	errSyntax = "ERR syntax error"
	errMaxLen = "ERR value is not an integer or out of range"
	errLarge  = "ERR the entry is larger than an entry may be"
)

// apply answers commands that are refused, and forms of commands on which miniredis
// would panic. It rewrites XADD so that every stream stays bounded, whoever
// publishes. It reports whether the command has been handled.
func (h *commandFilter) apply(c *server.Peer, cmd string, args ...string) bool {
	if h.authorizer.refuses(c, cmd, args) {
		return true
	}
	switch cmd {
	case "HELLO":
		rest, refused := h.authorizer.hello(c, args)
		if !refused && len(rest) < len(args) {
			h.server.Dispatch(c, append([]string{cmd}, rest...))
			return true
		}
		return refused
	case "XADD":
		return h.rewriteXadd(c, args)
	}
	panics := cmd == "XTRIM" && len(args) == 3 && isTrimMark(args[2]) || // no threshold
		cmd == "XCLAIM" && len(args) > 5 && slices.Contains(xclaimOptions, strings.ToUpper(args[len(args)-1])) // no value
	if panics {
		c.WriteError(errSyntax)
	}
	return panics
}

// xclaimOptions are the options of XCLAIM that take a value.
var xclaimOptions = []string{"IDLE", "TIME", "RETRYCOUNT"}

// rewriteXadd gives an XADD our bound, unless its own bound is lower, and dispatches the
// result instead:
//
//	XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT n]] id field value …
func (h *commandFilter) rewriteXadd(c *server.Peer, args []string) bool {
	if len(args) < 4 || h.sizes.isRewritten(c) {
		return false // invalid: miniredis answers with an error; or dispatched by dispatchXadd
	}
	head, rest := args[:1:1], args[1:]
	if strings.EqualFold(rest[0], "NOMKSTREAM") {
		head, rest = args[:2:2], rest[1:]
	}
	switch strings.ToUpper(rest[0]) {
	case "MAXLEN":
		n, after, ok := parseMaxLen(rest[1:])
		if !ok {
			c.WriteError(errMaxLen)
			return true
		}
		return h.dispatchXadd(c, head, n, after)
	case "MINID":
		// A trim by id does not bound the length. Our bound replaces it.
		_, after, ok := parseThreshold(rest[1:])
		if !ok {
			c.WriteError(errSyntax)
			return true
		}
		return h.dispatchXadd(c, head, h.maxLen, after)
	}
	return h.dispatchXadd(c, head, h.maxLen, rest)
}

// dispatchXadd dispatches "XADD head MAXLEN n rest", with n such that the stream
// stays within our bounds. The dispatched command passes through apply again.
func (h *commandFilter) dispatchXadd(c *server.Peer, head []string, n int, rest []string) bool {
	size, most := 0, MaxEntryBytes
	for _, s := range rest {
		size += len(s) + stringBytes
	}
	if strings.HasSuffix(head[0], ":dead") {
		most *= 2 // a dead letter contains the entry and more
	}
	if size > most {
		c.WriteError(errLarge)
		return true
	}
	n = min(n, h.sizes.begin(c, head[0], size))
	defer h.sizes.end(c)
	h.server.Dispatch(c, slices.Concat([]string{"XADD"}, head, []string{"MAXLEN", strconv.Itoa(n)}, rest))
	return true
}

func parseMaxLen(args []string) (n int, after []string, ok bool) {
	threshold, after, ok := parseThreshold(args)
	if !ok {
		return 0, nil, false
	}
	n, err := strconv.Atoi(threshold)
	return n, after, err == nil && n >= 0
}

// parseThreshold parses [=|~] threshold [LIMIT n] and returns what follows. LIMIT
// is dropped: it only spreads the work of a real server.
func parseThreshold(args []string) (threshold string, after []string, ok bool) {
	if len(args) > 0 && isTrimMark(args[0]) {
		args = args[1:]
	}
	if len(args) == 0 {
		return "", nil, false
	}
	threshold, after = args[0], args[1:]
	if len(after) > 1 && strings.EqualFold(after[0], "LIMIT") {
		after = after[2:]
	}
	return threshold, after, true
}

func isTrimMark(s string) bool { return s == "=" || s == "~" }
