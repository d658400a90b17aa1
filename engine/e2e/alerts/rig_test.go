package alerts

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/servers"
	"pitwall/engine/internal/testenv"
)

// devices is how many devices the stack has.
const devices = 50

// rig is what the faults happen to: processes of the real program on one database.
type rig struct {
	t         *testing.T
	program   string
	stack     *e2etest.Stack
	main      *testenv.RedisServer // of all processes whose fault is not in Redis
	p         *prometheus
	limit     int // of descriptors, for the processes started next; 0: as it is
	processes map[string]*process
}

// process is one process with its own ports, which it keeps over a restart.
type process struct {
	r         *rig
	name      string
	command   []string
	http, ops string
	proc      *servers.Process
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s := e2etest.NewStack(t, devices)
	return &rig{t: t, program: e2etest.Build(t, "cmd/pitwall"), stack: s, main: s.Redis, processes: map[string]*process{}}
}

// start starts a process and does not wait for it. It is killed with the test.
func (r *rig) start(name string, redis *testenv.RedisServer, flags ...string) {
	r.t.Helper()
	r.stack.RedisURL = redis.URL()
	p := &process{r: r, name: name, http: e2etest.FreeAddr(r.t), ops: e2etest.FreeAddr(r.t)}
	p.command = slices.Concat([]string{r.program, "serve"}, r.stack.Flags("--http-addr="+p.http, "--ops-addr="+p.ops), flags)
	if r.limit > 0 {
		p.command = slices.Concat([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, r.limit), "sh"}, p.command)
	}
	r.processes[name] = p
	r.t.Cleanup(p.kill)
	p.run()
}

func (p *process) run() {
	p.r.t.Helper()
	p.proc = e2etest.StartProgram(p.r.t, nil, p.command[0], p.command[1:]...)
}

func (p *process) kill() {
	if err := p.proc.End(syscall.SIGKILL); err != nil {
		p.r.t.Error(err)
	}
	if p.r.t.Failed() {
		p.r.t.Logf("%s:\n%s", p.name, p.proc.Output())
	}
}

func (r *rig) awaitReady() {
	r.t.Helper()
	for _, p := range r.processes {
		if err := p.proc.WaitReady(e2etest.Patience, func() bool { return ready(p.ops) }); err != nil {
			r.t.Fatalf("%s: %v", p.name, err)
		}
	}
}

func (r *rig) targets() map[string]string {
	all := map[string]string{}
	for name, p := range r.processes {
		all[name] = p.ops
	}
	return all
}

// publish adds a large position of each of n devices every 100 ms, until the test ends.
func (r *rig) publish(to *testenv.RedisServer, n int) {
	const script = `for i = 0, tonumber(ARGV[2]) - 1 do
		redis.call('XADD', KEYS[1], 'MAXLEN', '~', '20000', '*', 'device_id', string.format('d-%04d', i), 'lat', '47', 'lon', '8', 'note', ARGV[1])
	end`
	conn, err := testenv.DialRedis(to.Addr())
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if _, err := conn.Do("EVAL", script, "1", e2etest.Stream, note, fmt.Sprint(n)); err != nil {
					r.t.Errorf("publish: %v", err)
					return
				}
			}
		}
	})
	r.t.Cleanup(func() { cancel(); ended.Wait(); conn.Close() })
}

// crowd are spectators of one process.
type crowd struct {
	conns     []*websocket.Conn
	transport *http.Transport
}

// connect connects spectators that read nothing. Those that watch have small buffers, so
// that their sockets fill.
func (r *rig) connect(name string, n int, watch bool) (c crowd) {
	r.t.Helper()
	c.transport = &http.Transport{DialContext: smallBuffer.DialContext}
	r.t.Cleanup(func() { c.leave() })
	for range n {
		conn, _, err := websocket.Dial(r.t.Context(), "ws://"+r.processes[name].http+"/live", &websocket.DialOptions{HTTPClient: &http.Client{Transport: c.transport}})
		if err != nil {
			r.t.Fatalf("connect to %s: %v", name, err)
		}
		c.conns = append(c.conns, conn)
		if !watch {
			continue
		}
		if err := conn.Write(r.t.Context(), websocket.MessageText, []byte(`{"type":"subscribe","topic":"event:`+e2etest.Event+`"}`)); err != nil {
			r.t.Fatalf("subscribe at %s: %v", name, err)
		}
	}
	return c
}

// leave closes all connections. It may be called again.
func (c crowd) leave() {
	for _, conn := range c.conns {
		_ = conn.CloseNow() // the server may have closed it
	}
	c.transport.CloseIdleConnections()
}

// smallBuffer is a dialer whose sockets take little that is not read.
var smallBuffer = &net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
	fault := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10) })
	if fault != nil {
		return fault
	}
	return err
}}
