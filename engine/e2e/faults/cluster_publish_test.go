package faults

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// clusterPublisher publishes to one stream of a Cluster with a client of its
// own, and remembers the id of every record that was acknowledged. A record
// whose outcome is unknown is sent again.
type clusterPublisher struct {
	t      testing.TB
	nodes  []*testenv.RedisServer
	stream string
	cancel context.CancelFunc
	ended  sync.WaitGroup

	conn *testenv.RedisConn
	addr string
	next int // of nodes, to try after a failure

	mu     sync.Mutex        // guards what follows
	acked  map[string]string // name of the record by id
	last   map[string]int64
	broken error
}

// publish begins to publish, for devices from first on.
func (s *clusterStack) publish(stream string, first int) *clusterPublisher {
	l := &clusterPublisher{t: s.T, nodes: s.c.Nodes(), stream: stream, acked: map[string]string{}, last: map[string]int64{}}
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.Background())
	l.ended.Go(func() { l.run(ctx, first) })
	s.T.Cleanup(l.stop)
	return l
}

// stop ends the load once the current record is acknowledged. It may be called
// again.
func (l *clusterPublisher) stop() {
	l.t.Helper()
	l.cancel()
	l.ended.Wait()
	l.disconnect()
	if l.broken != nil {
		l.t.Errorf("the load on %s ended: %v", l.stream, l.broken)
	}
}

func (l *clusterPublisher) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

func (l *clusterPublisher) run(ctx context.Context, first int) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		device := e2etest.Device(first + n%clusterDevices)
		ts := max(l.last[device]+1, time.Now().UnixMilli())
		id, err := l.send(record(device, ts, n)...)
		l.mu.Lock()
		if err != nil {
			l.broken = err
			l.mu.Unlock()
			return
		}
		l.acked[id], l.last[device] = recordName(device, ts, n), ts
		l.mu.Unlock()
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
			l.disconnect()
			l.addr, asking = words[2], words[0] == "ASK"
		case words[0] == "CLUSTERDOWN" || words[0] == "TRYAGAIN":
			<-time.After(20 * time.Millisecond)
		default: // lost
			l.disconnect()
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

func (l *clusterPublisher) disconnect() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}
