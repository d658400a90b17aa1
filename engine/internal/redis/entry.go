package redis

import (
	"fmt"

	"github.com/redis/rueidis"
)

// Entry is one record of a stream.
//
// The strings alias the memory of the reply and stay valid for as long as they are
// held. A held string keeps only its own bytes alive. The slice Fields is borrowed:
// the next read into the same slice of entries overwrites it.
type Entry struct {
	ID ID
	// Fields alternates name and value. Nil means that the entry is pending but
	// has been deleted or trimmed from the stream.
	Fields []string
}

// appendEntries parses the array of entries in m into dst[:0] and reuses the Fields
// slices in dst.
func appendEntries(dst []Entry, m *rueidis.RedisMessage) ([]Entry, error) {
	list, err := m.ToArray()
	if err != nil {
		return clearEntries(dst), errBadReply
	}
	if cap(dst) < len(list) {
		grown := make([]Entry, len(list))
		copy(grown, dst[:cap(dst)])
		dst = grown
	}
	used := dst[:len(list)]
	for i := range list {
		if err := used[i].parse(&list[i]); err != nil {
			return clearEntries(dst), err
		}
	}
	clearEntries(dst[:cap(dst)][len(list):])
	return used, nil
}

// clearEntries clears the strings in the capacity of dst, so that an idle reader
// does not keep its largest reply alive. It returns dst[:0].
func clearEntries(dst []Entry) []Entry {
	all := dst[:cap(dst)]
	for i := range all {
		if len(all[i].Fields) == 0 {
			continue
		}
		clear(all[i].Fields)
		all[i].Fields = all[i].Fields[:0]
	}
	return dst[:0]
}

// parse fills e from one [id, [name, value, …]].
func (e *Entry) parse(m *rueidis.RedisMessage) error {
	pair, err := parsePair(m)
	if err != nil {
		return err
	}
	if e.ID, err = messageID(&pair[0]); err != nil {
		return err
	}
	if pair[1].IsNil() {
		e.Fields = nil
		return nil
	}
	values, err := pair[1].ToArray()
	if err != nil {
		return errBadReply
	}
	if cap(e.Fields) < len(values) {
		e.Fields = make([]string, 0, len(values))
	}
	old := len(e.Fields)
	e.Fields = e.Fields[:len(values)]
	for i := range values {
		if e.Fields[i], err = values[i].ToString(); err != nil {
			return errBadReply
		}
	}
	if old > len(values) {
		clear(e.Fields[len(values):old])
	}
	return nil
}

// messageID parses the stream id in m.
func messageID(m *rueidis.RedisMessage) (ID, error) {
	s, err := m.ToString()
	if err != nil {
		return ID{}, errBadReply
	}
	id, err := ParseID(s)
	if err != nil {
		return ID{}, fmt.Errorf("%w: %w", errBadReply, err)
	}
	return id, nil
}

// parseReadReply returns the entries in a reply to XREADGROUP on one stream. The
// reply is nil, a map with one key (RESP3), or an array with one pair (the embedded
// server).
func parseReadReply(dst []Entry, m *rueidis.RedisMessage) ([]Entry, error) {
	switch {
	case m.IsNil():
		return clearEntries(dst), nil
	case m.IsMap():
		streams, err := m.ToMap()
		if err != nil || len(streams) != 1 {
			return clearEntries(dst), errBadReply
		}
		for _, entries := range streams {
			return appendEntries(dst, &entries)
		}
	}
	streams, err := m.ToArray()
	if err != nil || len(streams) != 1 {
		return clearEntries(dst), errBadReply
	}
	pair, err := parsePair(&streams[0])
	if err != nil {
		return clearEntries(dst), err
	}
	return appendEntries(dst, &pair[1])
}
