package db

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"pitwall/codec"
)

// extra holds the attributes that a record adds to an existing row: a row of
// pitwall_extras.
type extra struct {
	device     string
	ts         int64 // ms since the Unix epoch
	hash       int64
	attributes string // only names that the row does not have
}

// extraOf returns the attributes that p adds to a row of the same device, time and
// place. have are the attributes of the row. ok is false when p adds no name, or is
// faulty and therefore never shown.
func extraOf(p *codec.Position, have codec.Attributes) (x extra, ok bool) {
	if p.Faulty {
		return extra{}, false
	}
	added := codec.AddedAttributes(nil, have, p.Attributes)
	if len(added) == 0 {
		return extra{}, false
	}
	return extra{device: p.DeviceID, ts: p.TS, hash: contentHash(p), attributes: string(added)}, true
}

// contentHash is part of a key, so it must be the same for every copy of a record in
// all instances and versions. Like the comparison of positions, it leaves out arrival
// and faulty.
func contentHash(p *codec.Position) int64 {
	b := make([]byte, 0, 128+len(p.DeviceID)+len(p.Codec)+len(p.Attributes))
	for _, s := range []string{p.DeviceID, p.Codec, string(p.Attributes)} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(p.TS))
	b = binary.BigEndian.AppendUint64(b, uint64(p.Has))
	for _, f := range []float64{p.Lat, p.Lon, p.Alt, p.Speed, p.Course} {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(f+0)) // -0 and 0 are equal
	}
	b = binary.BigEndian.AppendUint64(b, uint64(p.Sats))
	b = binary.BigEndian.AppendUint64(b, uint64(p.Priority))
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:]))
}
