package live

import (
	"regexp"
	"strings"
)

// deflateName is the compression of RFC 7692.
const deflateName = "permessage-deflate"

// maxOffers bounds Sec-WebSocket-Extensions, in bytes. Beyond it nothing is agreed on.
// Browsers send about 50 bytes.
const maxOffers = 1 << 10

// offersDeflate reports whether the Sec-WebSocket-Extensions headers of a client offer
// permessage-deflate in a way that the server accepts. Its answer is always
// server_no_context_takeover and client_no_context_takeover, with both windows at full
// size (RFC 7692, section 7.1). It declines offers with server_max_window_bits, which
// would have to be answered: every client gets the same bytes. Headers that break the
// grammar count as no offer.
func offersDeflate(headers []string) (offered bool) {
	list := strings.Join(headers, ",")
	if len(list) > maxOffers {
		return false
	}
	// Commas and semicolons always separate: a value is a token, even in quotes.
	for text := range strings.SplitSeq(list, ",") {
		if strings.Trim(text, " \t") == "" {
			continue // lists may have empty elements
		}
		e, ok := parseExtension(text)
		if !ok {
			return false
		}
		offered = offered || e.name == deflateName && e.acceptable()
	}
	return offered
}

// extension is one element of Sec-WebSocket-Extensions (RFC 6455, section 9.1).
type extension struct {
	name   string
	params []param
}

type param struct{ name, value string } // value is "" for none

// paramPattern matches a parameter, between spaces. Its value is the second group, or in
// quotes, where backslashes may escape, the third.
var paramPattern = regexp.MustCompile(strings.ReplaceAll(
	`^[ \t]*(T+)[ \t]*(?:=[ \t]*(?:(T+)|"((?:\\?T)+)")[ \t]*)?$`, "T", "[-!#$%&'*+.^_`|~0-9A-Za-z]"))

// parseExtension parses one element; ok is false if it breaks the grammar.
func parseExtension(text string) (e extension, ok bool) {
	for part := range strings.SplitSeq(text, ";") {
		m := paramPattern.FindStringSubmatch(part)
		if m == nil {
			return e, false
		}
		e.params = append(e.params, param{m[1], m[2] + strings.ReplaceAll(m[3], `\`, "")})
	}
	first := e.params[0]
	return extension{first.name, e.params[1:]}, first.value == ""
}

// acceptableParam matches the parameters that may be offered, as name=value. A window
// has 8 to 15 bits (RFC 7692, section 7.1.2).
var acceptableParam = regexp.MustCompile(`^((server|client)_no_context_takeover=|client_max_window_bits=([89]|1[0-5])?)$`)

// acceptable reports whether an offer of permessage-deflate can be accepted. It must be
// declined if a parameter is unknown, repeated or has an invalid value (RFC 7692,
// section 7).
func (e *extension) acceptable() bool {
	seen := map[string]bool{}
	for _, p := range e.params {
		if seen[p.name] || !acceptableParam.MatchString(p.name+"="+p.value) {
			return false
		}
		seen[p.name] = true
	}
	return true
}
