package embedded

import (
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// hook looks at every command before miniredis does. Any goroutine may use it.
type hook struct {
	server *server.Server
	gate   *gate
	maxLen int // entries a stream may hold
	weigh  scales
}

func newHook(s *server.Server, g *gate, maxLen, maxBytes int) *hook {
	return &hook{server: s, gate: g, maxLen: maxLen, weigh: newScales(maxLen, maxBytes)}
}

const (
	errSyntax = "ERR syntax error"
	errMaxLen = "ERR value is not an integer or out of range"
	errLarge  = "ERR the entry is larger than an entry may be"
)

// before refuses what the gate does not let through, bounds what an XADD leaves
// in its stream, whoever publishes, and refuses the forms that miniredis would
// panic at. It reports whether the command is dealt with.
func (h *hook) before(c *server.Peer, cmd string, args ...string) bool {
	if h.gate.refuses(c, cmd, args) {
		return true
	}
	switch cmd {
	case "HELLO":
		rest, refused := h.gate.hello(c, args)
		if !refused && len(rest) < len(args) {
			h.server.Dispatch(c, append([]string{cmd}, rest...))
			return true
		}
		return refused
	case "XADD":
		return h.beforeXadd(c, args)
	case "XTRIM":
		// XTRIM key MAXLEN ~, and nothing behind it.
		if len(args) == 3 && isTrimMark(args[2]) {
			c.WriteError(errSyntax)
			return true
		}
	case "XCLAIM":
		// An option with its value missing.
		if len(args) > 5 {
			switch strings.ToUpper(args[len(args)-1]) {
			case "IDLE", "TIME", "RETRYCOUNT":
				c.WriteError(errSyntax)
				return true
			}
		}
	}
	return false
}

// beforeXadd rewrites an XADD into one with our bound, or its own where that is
// lower, and has that carried out instead:
//
//	XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT n]] id field value …
func (h *hook) beforeXadd(c *server.Peer, args []string) bool {
	if len(args) < 4 || h.weigh.ours(c) {
		return false // miniredis says what is wrong with it; or it is what xadd dispatches
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
		return h.xadd(c, head, n, after)
	case "MINID":
		// A trim by id does not bound the length. It is left out: the bound
		// holds instead.
		_, after, ok := parseThreshold(rest[1:])
		if !ok {
			c.WriteError(errSyntax)
			return true
		}
		return h.xadd(c, head, h.maxLen, after)
	}
	return h.xadd(c, head, h.maxLen, rest)
}

// xadd dispatches "XADD head MAXLEN n rest", with n such that the stream stays
// within our bounds. It comes through before again and passes.
func (h *hook) xadd(c *server.Peer, head []string, n int, rest []string) bool {
	size, most := 0, MaxEntryBytes
	for _, s := range rest {
		size += len(s) + stringBytes
	}
	if strings.HasSuffix(head[0], ":dead") {
		most *= 2 // whatever was let in can become a dead letter, which says more
	}
	if size > most {
		c.WriteError(errLarge)
		return true
	}
	n = min(n, h.weigh.begin(c, head[0], size))
	defer h.weigh.end(c)
	cmd := make([]string, 0, len(head)+len(rest)+3)
	cmd = append(cmd, "XADD")
	cmd = append(cmd, head...)
	cmd = append(cmd, "MAXLEN", strconv.Itoa(n))
	cmd = append(cmd, rest...)
	h.server.Dispatch(c, cmd)
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

// parseThreshold reads [=|~] threshold [LIMIT n] and returns what follows.
// LIMIT, which only spreads the work of a real server, is left out.
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
