package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Facts are what a server tells of itself, for an operator.
type Facts struct {
	Server   string // name and version
	RunID    string // of the server's process
	Embedded bool   // it is the embedded server, which tells nothing else
	// Policy is maxmemory-policy. Full is the share of maxmemory in use, from 0 to 1; 0
	// without a maxmemory.
	Policy string
	Full   float64
	// AppendOnly says whether each change is written to disk (appendonly yes).
	AppendOnly bool
	// Failed names what the server last failed to write to disk; none otherwise.
	Failed  []string
	Replica bool // it is a replica, which refuses writes
}

// Examine asks the server of a key for its Facts. The login needs the right to INFO.
func (c *Client) Examine(ctx context.Context, key string) (Facts, error) {
	if c.fixedRunID == embeddedServer {
		return Facts{Server: embeddedServer, Embedded: true}, nil
	}
	info := map[string]string{}
	for _, section := range []string{"server", "memory", "persistence", "replication"} {
		m, err := c.run(ctx, "ask for the state of Redis", onKey{key}, "INFO", section)
		if err != nil {
			return Facts{}, err
		}
		for line := range strings.SplitSeq(messageString(m), "\n") {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				info[name] = value
			}
		}
	}
	f := Facts{
		Server: "Redis " + info["redis_version"], RunID: info["run_id"], Policy: info["maxmemory_policy"],
		AppendOnly: info["aof_enabled"] == "1", Replica: info["role"] == "slave",
	}
	if v := info["valkey_version"]; v != "" {
		f.Server = "Valkey " + v
	}
	if most, used := number(info["maxmemory"]), number(info["used_memory"]); most > 0 {
		f.Full = used / most
	}
	for _, name := range []string{"aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"} {
		if v := info[name]; v != "" && v != "ok" {
			f.Failed = append(f.Failed, fmt.Sprintf("%s is %s", name, v))
		}
	}
	return f, nil
}

// number parses a number, 0 if it is none.
func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return v
}
