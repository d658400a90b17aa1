package live

import "strings"

// deflateName is the compression of RFC 7692.
const deflateName = "permessage-deflate"

// maxOffers is the length of Sec-WebSocket-Extensions beyond which nothing is
// agreed on. Browsers send about 50 bytes.
const maxOffers = 1 << 10

// offersDeflate reports whether a client's Sec-WebSocket-Extensions headers
// offer permessage-deflate in a way that we can take: the answer is always
// server_no_context_takeover and client_no_context_takeover, with both windows
// at their full size (RFC 7692, section 7.1). An offer with
// server_max_window_bits is passed over: everybody gets the same bytes, and
// taking it asks for an answer with that parameter. What breaks the grammar is
// taken for no offer at all.
func offersDeflate(headers []string) bool {
	list, ok := parseExtensions(strings.Join(headers, ","))
	if !ok {
		return false
	}
	for _, e := range list {
		if e.name == deflateName && e.fits() {
			return true
		}
	}
	return false
}

// extension is one element of Sec-WebSocket-Extensions.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	hasValue    bool
}

// fits reports whether an offer of permessage-deflate can be taken. One with a
// parameter that is unknown, given twice or not as it must be has to be
// declined (RFC 7692, section 7).
func (e *extension) fits() bool {
	for i, p := range e.params {
		for _, before := range e.params[:i] {
			if before.name == p.name {
				return false
			}
		}
		switch p.name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if p.hasValue {
				return false
			}
		case "client_max_window_bits":
			if p.hasValue && !isWindow(p.value) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// isWindow reports whether s is a number from 8 to 15 as RFC 7692, section
// 7.1.2 has it.
func isWindow(s string) bool {
	return s == "8" || s == "9" || len(s) == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '5'
}

// parseExtensions reads a list of extensions (RFC 6455, section 9.1); false
// when it is none.
func parseExtensions(s string) (list []extension, ok bool) {
	if len(s) > maxOffers {
		return nil, false
	}
	o := offers{rest: s}
	for {
		o.space()
		switch {
		case o.rest == "":
			return list, true
		case o.eat(','):
			continue // lists may have empty elements
		}
		e := extension{name: o.token()}
		if e.name == "" || !o.params(&e) {
			return nil, false
		}
		list = append(list, e)
		if o.rest != "" && !o.eat(',') {
			return nil, false
		}
	}
}

// offers is what is left of the header to read.
type offers struct{ rest string }

// params reads what follows an extension's name, up to the comma or the end.
func (o *offers) params(e *extension) bool {
	for {
		o.space()
		if !o.eat(';') {
			return true
		}
		o.space()
		p := param{name: o.token()}
		if p.name == "" {
			return false
		}
		o.space()
		if o.eat('=') {
			o.space()
			p.hasValue = true
			if p.value = o.value(); p.value == "" {
				return false
			}
		}
		e.params = append(e.params, p)
	}
}

// value reads a token, or a quoted string with a token in it; "" for neither.
func (o *offers) value() string {
	if !o.eat('"') {
		return o.token()
	}
	var text []byte
	for o.rest != "" {
		if o.eat('"') {
			return string(text)
		}
		if o.eat('\\') && o.rest == "" {
			break
		}
		if !isTokenChar(o.rest[0]) {
			break
		}
		text = append(text, o.rest[0])
		o.rest = o.rest[1:]
	}
	return ""
}

// token reads a token (RFC 9110, section 5.6.2); "" for none.
func (o *offers) token() string {
	n := 0
	for n < len(o.rest) && isTokenChar(o.rest[n]) {
		n++
	}
	t := o.rest[:n]
	o.rest = o.rest[n:]
	return t
}

func (o *offers) space() { o.rest = strings.TrimLeft(o.rest, " \t") }

func (o *offers) eat(c byte) bool {
	if o.rest == "" || o.rest[0] != c {
		return false
	}
	o.rest = o.rest[1:]
	return true
}

func isTokenChar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
