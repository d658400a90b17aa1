package live

// follower reads the frame headers of a client's byte stream (RFC 6455,
// section 5.2) before gws does, and stops at the first that gws would take
// although it must not: lengths with the top bit set or longer than needed,
// reserved bits, frames without a mask. The zero value expects a header.
type follower struct {
	head [14]byte
	have int    // bytes of head that are there
	skip uint64 // payload bytes still to pass
	bad  string // why the stream is refused; "" while it is fine
}

// follow passes p and returns how many of its bytes may be handed on: all, or
// those before the frame that is refused.
func (f *follower) follow(p []byte) int {
	for i := 0; i < len(p); {
		if f.bad != "" {
			return 0
		}
		if f.skip > 0 {
			n := min(f.skip, uint64(len(p)-i))
			f.skip -= n
			i += int(n)
			continue
		}
		f.head[f.have] = p[i]
		f.have++
		i++
		if f.have < f.need() {
			continue
		}
		start := max(0, i-f.have)
		if f.bad = f.judge(); f.bad != "" {
			return start
		}
		f.skip = f.length()
		f.have = 0
	}
	return len(p)
}

// need is the length of the header, as far as it can be told yet.
func (f *follower) need() int {
	if f.have < 2 {
		return 2
	}
	n := 2
	switch f.head[1] & 0x7f {
	case 126:
		n = 4
	case 127:
		n = 10
	}
	if f.head[1]&0x80 != 0 {
		n += 4
	}
	return n
}

func (f *follower) length() uint64 {
	switch n := uint64(f.head[1] & 0x7f); n {
	case 126:
		return uint64(f.head[2])<<8 | uint64(f.head[3])
	case 127:
		n = 0
		for _, b := range f.head[2:10] {
			n = n<<8 | uint64(b)
		}
		return n
	default:
		return n
	}
}

// judge says what is wrong with a complete header, "" for nothing.
func (f *follower) judge() string {
	n := f.length()
	switch code := f.head[1] & 0x7f; {
	case f.head[0]&0x70 != 0:
		return "reserved bits"
	case f.head[1]&0x80 == 0:
		return "frame without mask"
	case code == 127 && n>>63 != 0:
		return "frame length out of range"
	case code == 127 && n < 1<<16, code == 126 && n < 126:
		return "frame length not minimal"
	}
	return ""
}
