package redis

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// slots is the number of slots of a Cluster.
const slots = 16384

// slotOf returns the slot of a key (Redis Cluster specification): CRC16, variant
// XMODEM, of the hash tag, or of the whole key when it has none.
func slotOf(key string) uint16 {
	if tag := hashTag(key); tag != "" {
		key = tag
	}
	crc := uint16(0)
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % slots
}

// hashTag returns the part of a key that determines its slot, "" when the whole key
// does.
func hashTag(key string) string {
	_, rest, _ := strings.Cut(key, "{")
	tag, _, closed := strings.Cut(rest, "}")
	if !closed {
		return ""
	}
	return tag
}

// slotRange says which node owns the slots from first to last, both included.
type slotRange struct {
	first, last uint16
	owner       string // host:port
}

// parseSlots parses a reply to CLUSTER SLOTS from the node at address asked. It
// returns the owner of each range, in order of slots, and the addresses of all
// nodes.
func parseSlots(m *rueidis.RedisMessage, asked string) (ranges []slotRange, known []string, err error) {
	list, err := m.ToArray()
	if err != nil {
		return nil, nil, err
	}
	for i := range list {
		fields, err := list[i].ToArray()
		if err != nil || len(fields) < 3 {
			return nil, nil, errBadReply
		}
		first, err1 := fields[0].AsInt64()
		last, err2 := fields[1].AsInt64()
		if err1 != nil || err2 != nil || first < 0 || last >= slots {
			return nil, nil, errBadReply
		}
		for j := range fields[2:] {
			addr, err := nodeAddr(&fields[2+j], asked)
			if err != nil {
				return nil, nil, err
			}
			if addr == "" {
				continue
			}
			if j == 0 {
				ranges = append(ranges, slotRange{uint16(first), uint16(last), addr})
			}
			known = append(known, addr)
		}
	}
	if len(ranges) == 0 {
		return nil, nil, errors.New("the node knows no slots")
	}
	slices.SortFunc(ranges, func(a, b slotRange) int { return int(a.first) - int(b.first) })
	slices.Sort(known)
	return ranges, slices.Compact(known), nil
}

// unknownHost stands for the name of a node that another node does not know yet.
const unknownHost = "?"

// nodeAddr parses [host, port, id, [name, value, …]]. A node that does not know its
// own host leaves it empty; it is the host that was asked. When the name of a node
// is not known yet, its IP address may be among the further values; otherwise
// nodeAddr returns "".
func nodeAddr(m *rueidis.RedisMessage, asked string) (string, error) {
	fields, err := m.ToArray()
	if err != nil || len(fields) < 2 {
		return "", errBadReply
	}
	port, err := fields[1].AsInt64()
	if err != nil {
		return "", errBadReply
	}
	host := messageString(fields[0])
	switch host {
	case unknownHost:
		if len(fields) < 4 {
			return "", nil
		}
		more, err := fields[3].AsStrMap()
		if err != nil || more["ip"] == "" {
			return "", nil
		}
		host = more["ip"]
	case "":
		host = hostOf(asked)
	}
	return net.JoinHostPort(host, strconv.FormatInt(port, 10)), nil
}

// hostOf returns the host of an address. For the path of a socket it is this
// machine.
func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "localhost"
	}
	return host
}
