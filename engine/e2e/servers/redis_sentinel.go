package servers

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// StartSentinels starts n Sentinels, in folders within dir. They watch a master under a
// name, and promote its replica when the master does not answer for a second. It returns
// when each Sentinel knows the others and the replica. The caller ends them, even those
// that are returned with an error.
func StartSentinels(dir, name string, n int, master *Redis) ([]*Redis, error) {
	host, port, err := net.SplitHostPort(master.Addr())
	if err != nil {
		return nil, err
	}
	conf := fmt.Sprintf("sentinel monitor %[1]s %[2]s %[3]s %[4]d\nsentinel down-after-milliseconds %[1]s 1000\nsentinel failover-timeout %[1]s 10000\n",
		name, host, port, n/2+1)
	var all []*Redis
	for i := range n {
		own := filepath.Join(dir, "sentinel-"+strconv.Itoa(i))
		if err := os.Mkdir(own, 0o755); err != nil {
			return all, fmt.Errorf("make the folder of a Sentinel: %w", err)
		}
		s, err := startRedis(&Redis{dir: own, sentinel: conf}, false)
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	for _, s := range all {
		knows := func() bool {
			info, err := s.Do("INFO", "sentinel")
			return err == nil && InfoField(info, "master0") == fmt.Sprintf("name=%s,status=ok,address=%s,slaves=1,sentinels=%d", name, master.Addr(), n)
		}
		if !Poll(ReadyWithin, knows) {
			return all, fmt.Errorf("the Sentinel at %s does not know the others and the replica", s.Addr())
		}
	}
	return all, nil
}
