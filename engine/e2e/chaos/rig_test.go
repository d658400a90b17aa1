package chaos

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/servers"
	"pitwall/engine/internal/testenv"
)

const devices = 10

// rig is an installation: Redis, PostgreSQL and a process of the real program, with a
// proxy on each way, a publisher, and spectators.
type rig struct {
	t          *testing.T // of the present fault
	root       *testing.T
	s          *e2etest.Stack
	program    string
	http, ops  string // of the process, the same after a restart
	proc       *servers.Process
	spectators []*spectator

	redis, database, front *testenv.TCPProxy
	all                    []*testenv.TCPProxy

	mu        sync.Mutex // held while the publisher is paused
	newest    map[string]int64
	published int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s := e2etest.NewStack(t, devices)
	r := &rig{t: t, root: t, s: s, program: e2etest.Build(t, "cmd/pitwall"), http: e2etest.FreeAddr(t), ops: e2etest.FreeAddr(t), newest: map[string]int64{}}
	r.redis, r.database, r.front = s.ProxyRedis(), s.ProxyDatabase(), testenv.Proxy(t, r.http)
	r.all = []*testenv.TCPProxy{r.redis, r.database, r.front}
	r.start()
	t.Cleanup(r.kill)
	for _, extra := range []string{"", `,"interval":200`} {
		for range 10 {
			r.spectators = append(r.spectators, watch(t, r.front.Addr(), extra))
		}
	}
	end := make(chan struct{})
	var run sync.WaitGroup
	run.Go(func() { r.publish(end) })
	t.Cleanup(func() { close(end); run.Wait() })
	return r
}

// start starts the process, and does not wait for it.
func (r *rig) start() {
	r.t.Helper()
	r.proc = e2etest.StartProgram(r.root, nil, r.program, append([]string{"serve"}, r.s.Flags("--http-addr="+r.http, "--ops-addr="+r.ops, "--instance-id=chaos")...)...)
}

func (r *rig) kill() {
	if err := r.proc.End(syscall.SIGKILL); err != nil {
		r.t.Error(err)
	}
	if r.t.Failed() {
		r.t.Log(r.proc.Output())
	}
}

// signal sends the process a signal.
func (r *rig) signal(sig syscall.Signal) func() {
	return func() {
		if err := r.proc.Signal(sig); err != nil {
			r.t.Errorf("send %v: %v", sig, err)
		}
	}
}

// publish moves one device after the other, and writes to Redis past the proxy. A record
// that Redis does not take is written again.
func (r *rig) publish(end <-chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-end:
			return
		case <-tick.C:
		}
		r.mu.Lock()
		device := e2etest.Device(n % devices)
		ts := max(time.Now().UnixMilli(), r.newest[device]+1)
		for {
			_, err := r.s.Redis.Try("XADD", e2etest.Stream, "*", "device_id", device, "ts", strconv.FormatInt(ts, 10), "lat", "47.25", "lon", "8.5")
			if err == nil {
				break
			}
		}
		r.newest[device] = ts
		r.published++
		r.mu.Unlock()
	}
}

// count returns the number of records that were published.
func (r *rig) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.published
}

// awaitRecords waits until n more records were published.
func (r *rig) awaitRecords(n int) {
	r.t.Helper()
	want := r.count() + n
	r.s.Eventually("more records", func() bool { return r.count() >= want })
}

// wantRecovered waits, while nothing is published, until every spectator shows the last
// position of every device, the archive has every record once, and the process is ready.
func (r *rig) wantRecovered() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := maps.Clone(r.newest)
	for i, s := range r.spectators {
		r.s.Eventually(fmt.Sprintf("spectator %d to show every device", i), func() bool { return s.sees(newest) })
	}
	r.s.Eventually("the archive to have all", func() bool {
		return r.s.Number("SELECT count(*) FROM positions") == r.published && e2etest.Drained(r.s.Redis, e2etest.Stream)
	})
	r.s.Eventually("the process to be ready", func() bool {
		status, err := r.readiness()
		return err == nil && status == http.StatusOK
	})
}

// readiness returns the status of /readyz.
func (r *rig) readiness() (status int, err error) {
	status, _, err = e2etest.Fetch(http.MethodGet, "http://"+r.ops+"/readyz")
	return status, err
}
