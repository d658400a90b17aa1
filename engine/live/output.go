package live

// output writes what is in flight for a session with one system call. A writer
// uses one for all its sessions, so that nothing is allocated per write.
type output struct {
	vector [][]byte // what the system call is given
	joined []byte   // room to copy small pieces together; nil for a parked session, which is slow anyway
	rawOutput
}

// joinMost is the most bytes, in total, for which pieces are copied together. Up to that,
// a copy costs less than passing each piece to the kernel.
const joinMost = 4 << 10

func newOutput(joined []byte) *output {
	return &output{joined: joined}
}

// vectorMost is how many runs of bytes one system call is given at most. The kernel's
// own bound is 1024 (IOV_MAX).
const vectorMost = 512

// load puts pieces into the vector, as many as fit.
func (o *output) load(pieces []piece) {
	o.vector = o.vector[:0]
	size := 0
	for i := range pieces {
		if len(o.vector) >= vectorMost {
			return
		}
		p := &pieces[i]
		head, body := p.ch.Head(), p.ch.Body()
		size += p.end - p.off
		if p.off < len(head) {
			o.vector = append(o.vector, head[p.off:min(p.end, len(head))])
		}
		if p.end > len(head) {
			o.vector = append(o.vector, body[max(0, p.off-len(head)):p.end-len(head)])
		}
	}
	if len(o.vector) > 1 && size <= len(o.joined) {
		o.join()
	}
}

// join copies all runs of the vector into one.
func (o *output) join() {
	n := 0
	for _, b := range o.vector {
		n += copy(o.joined[n:], b)
	}
	clear(o.vector)
	o.vector = append(o.vector[:0], o.joined[:n])
}
