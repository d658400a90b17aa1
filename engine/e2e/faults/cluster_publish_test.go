package faults

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// clusterPublisher publishes to one stream of a Cluster with a client of its own, and
// keeps the id of every record that was acknowledged. A record whose outcome is unknown
// is sent again.
type clusterPublisher struct {
	ledger // acked is by id
	nodes  []*testenv.RedisServer
	stream string
	first  int // of its devices

	conn *testenv.RedisConn
	addr string
	next int // of nodes, to try after a failure
}

// publish begins to publish, for devices from first on.
func (s *clusterStack) publish(stream string, first int) *clusterPublisher {
	l := &clusterPublisher{nodes: s.c.Nodes(), stream: stream, first: first}
	l.start(s.T, l.publish, l.close)
	return l
}

func (l *clusterPublisher) publish(ctx context.Context) error {
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	sent := map[string]int64{}
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		r := newRecord(e2etest.Device(l.first+n%clusterDevices), sent, n)
		id, err := l.send(r.fields...)
		if err != nil {
			return fmt.Errorf("publish on %s: %w", l.stream, err)
		}
		l.note(id, r)
	}
}

// send publishes one record, and repeats it until it is acknowledged.
func (l *clusterPublisher) send(fields ...string) (id string, err error) {
	args := append([]string{"XADD", l.stream, "*"}, fields...)
	asking := false
	for end := time.Now().Add(e2etest.Patience); time.Now().Before(end); {
		var reply any
		if reply, err = l.try(asking, args); err == nil {
			return reply.(string), nil
		}
		asking = false
		words := strings.Fields(err.Error())
		switch {
		case words[0] == "MOVED" || words[0] == "ASK":
			l.close()
			l.addr, asking = words[2], words[0] == "ASK"
		case words[0] == "CLUSTERDOWN" || words[0] == "TRYAGAIN":
			<-time.After(20 * time.Millisecond)
		default: // lost
			l.close()
			l.next++
			l.addr = l.nodes[l.next%len(l.nodes)].Addr()
		}
	}
	return "", err
}

// try sends a command to the node that the slot is believed to be on, and waits
// at most a second.
func (l *clusterPublisher) try(asking bool, args []string) (any, error) {
	if l.conn == nil {
		if l.addr == "" {
			l.addr = l.nodes[0].Addr()
		}
		var err error
		if l.conn, err = testenv.DialRedis(l.addr); err != nil {
			return nil, err
		}
	}
	late := time.AfterFunc(time.Second, l.conn.Close)
	defer late.Stop()
	if asking {
		if _, err := l.conn.Do("ASKING"); err != nil {
			return nil, err
		}
	}
	return l.conn.Do(args...)
}

func (l *clusterPublisher) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}
