package redis

import (
	"cmp"
	"errors"
	"math"
	"strconv"
	"time"
)

// ID is the id of a stream entry: milliseconds since the Unix epoch by the clock of
// the server that added the entry, and a sequence number within the millisecond.
// The zero value is 0-0, which is less than the id of every entry.
type ID struct {
	Ms  uint64
	Seq uint64
}

// MaxID is greater than the id of every entry.
var MaxID = ID{Ms: math.MaxUint64, Seq: math.MaxUint64}

// errID is constant and does not quote the input, so that a hostile reply cannot
// make errors large.
var errID = errors.New("not a stream id of the form milliseconds-sequence")

// ParseID parses "ms-seq" or "ms" (sequence 0). It allocates nothing.
func ParseID(s string) (ID, error) {
	ms, n := digits(s)
	if n == 0 {
		return ID{}, errID
	}
	if n == len(s) {
		return ID{Ms: ms}, nil
	}
	seq, k := digits(s[n+1:])
	if s[n] != '-' || k == 0 || n+1+k != len(s) {
		return ID{}, errID
	}
	return ID{Ms: ms, Seq: seq}, nil
}

// digits parses the decimal number at the start of s and returns how many bytes it
// takes: 0 when there is none or it does not fit into v.
func digits(s string) (v uint64, n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		d := uint64(s[n] - '0')
		if v > (math.MaxUint64-d)/10 {
			return 0, 0
		}
		v = v*10 + d
		n++
	}
	return v, n
}

// String returns the form that Redis uses, "ms-seq".
func (id ID) String() string {
	var b [41]byte
	return string(id.Append(b[:0]))
}

// Append appends the form that Redis uses to dst.
func (id ID) Append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, id.Ms, 10)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, id.Seq, 10)
}

// Compare is negative when id is less than o, and 0 when they are equal.
func (id ID) Compare(o ID) int {
	if c := cmp.Compare(id.Ms, o.Ms); c != 0 {
		return c
	}
	return cmp.Compare(id.Seq, o.Seq)
}

// Less reports whether id is less than o.
func (id ID) Less(o ID) bool { return id.Compare(o) < 0 }

// IsZero reports whether id is 0-0.
func (id ID) IsZero() bool { return id == ID{} }

// Next returns the smallest id after id. It starts a range that excludes id.
func (id ID) Next() ID {
	if id.Seq < math.MaxUint64 {
		return ID{id.Ms, id.Seq + 1}
	}
	if id.Ms < math.MaxUint64 {
		return ID{id.Ms + 1, 0}
	}
	return id
}

// Prev returns the largest id before id. It ends a range that excludes id. Prev of
// 0-0 is 0-0.
func (id ID) Prev() ID {
	if id.Seq > 0 {
		return ID{id.Ms, id.Seq - 1}
	}
	if id.Ms > 0 {
		return ID{id.Ms - 1, math.MaxUint64}
	}
	return id
}

// Sub returns the id d earlier, with sequence 0, or 0-0 when that would be before
// the epoch. d is counted in whole milliseconds; for zero and less Sub returns id.
func (id ID) Sub(d time.Duration) ID {
	ms := d.Milliseconds()
	if ms <= 0 {
		return id
	}
	if uint64(ms) >= id.Ms {
		return ID{}
	}
	return ID{Ms: id.Ms - uint64(ms)}
}
