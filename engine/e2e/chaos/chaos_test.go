package chaos

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/engine/internal/testenv"
)

// long is the number of records of faults whose detection takes seconds: some ten seconds.
const long = 2000

// fault disturbs the installation between begin and end.
type fault struct {
	name       string
	begin, end func()
	// noticed reports that the fault has had its effect. Without it the fault lasts for a
	// number of records.
	noticed func() bool
	records int // 0: a few
	// short faults are those of make test.
	short bool
}

// TestChaos: after each fault every spectator returns to the table of last values, and the
// archive has every record once.
func TestChaos(t *testing.T) {
	r := newRig(t)
	r.awaitRecords(2 * devices)
	r.wantRecovered()
	for _, f := range r.faults() {
		if !f.short && os.Getenv("PITWALL_LONG") == "" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			r.t, r.s.T = t, t
			begun := time.Now()
			f.begin()
			if f.noticed != nil {
				r.s.Eventually("the fault to have its effect", f.noticed)
			} else {
				r.awaitRecords(max(f.records, 5*devices))
			}
			f.end()
			ended := time.Now()
			r.awaitRecords(devices)
			r.wantRecovered()
			t.Logf("lasted %v, recovered after %v", ended.Sub(begun).Round(time.Millisecond), time.Since(ended).Round(time.Millisecond))
		})
		if r.t, r.s.T = t, t; t.Failed() {
			return
		}
	}
}

// faults are those of the ways between the parts, all at once in the short form, and those
// of the parts themselves.
func (r *rig) faults() []fault {
	all := r.wayFaults("every way", true, r.all...)
	for i, name := range []string{"Redis", "PostgreSQL", "spectators"} {
		all = append(all, r.wayFaults(name, false, r.all[i])...)
	}
	return append(all, r.partFaults()...)
}

// wayFaults disturb the ways through the proxies.
func (r *rig) wayFaults(name string, short bool, proxies ...*testenv.TCPProxy) []fault {
	each := func(do func(*testenv.TCPProxy)) func() {
		return func() {
			for _, p := range proxies {
				do(p)
			}
		}
	}
	nothing := func() {}
	delay := func(d time.Duration) func() { return each(func(p *testenv.TCPProxy) { p.Delay(d) }) }
	slow := func(d time.Duration) func() { return each(func(p *testenv.TCPProxy) { p.SlowClose(d) }) }
	cut := each(func(p *testenv.TCPProxy) { p.CutAll() })
	return []fault{
		{name: name + ": latency", short: short, begin: delay(100 * time.Millisecond), end: delay(0)},
		{name: name + ": cut", short: short, begin: cut, end: nothing},
		{name: name + ": blackhole", begin: each((*testenv.TCPProxy).Stall), end: each((*testenv.TCPProxy).Resume), records: long},
		{name: name + ": half open", begin: each(func(p *testenv.TCPProxy) { p.Abandon() }), end: nothing},
		{name: name + ": slow close", begin: func() { slow(2 * time.Second)(); cut() }, end: slow(0), records: long},
	}
}

// partFaults disturb the process and its servers.
func (r *rig) partFaults() []fault {
	var stopped []int
	sessions := func(sig syscall.Signal) {
		for _, pid := range stopped {
			_ = syscall.Kill(pid, sig) // may have ended meanwhile
		}
	}
	redis := func(sig syscall.Signal) func() { return func() { r.s.Redis.Signal(sig) } }
	var limit unix.Rlimit
	return []fault{
		{name: "the process hangs", short: true, begin: r.signal(syscall.SIGSTOP), end: r.signal(syscall.SIGCONT), noticed: r.anyAway},
		{name: "the process is killed", short: true, begin: func() { r.kill(); r.start() }, end: func() {}},
		{name: "Redis hangs", begin: redis(syscall.SIGSTOP), end: redis(syscall.SIGCONT), noticed: r.notReady},
		{
			name: "sessions of PostgreSQL hang",
			begin: func() {
				stopped = nil
				for _, text := range strings.Fields(r.s.SQL("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")) {
					pid, err := strconv.Atoi(text)
					if err != nil {
						r.t.Fatal(err)
					}
					stopped = append(stopped, pid)
				}
				sessions(syscall.SIGSTOP)
			},
			end:     func() { sessions(syscall.SIGCONT) },
			records: long,
		},
		{
			name: "the disk of PostgreSQL is full",
			begin: func() {
				r.s.SQL(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
					$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
					CREATE TRIGGER full_disk BEFORE INSERT ON positions FOR EACH STATEMENT EXECUTE FUNCTION full_disk()`)
			},
			end:     func() { r.s.SQL("DROP FUNCTION full_disk CASCADE") },
			noticed: r.notReady,
		},
		{
			name:    "no descriptors are left",
			records: long,
			begin: func() {
				list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.proc.PID()))
				if err == nil {
					err = unix.Prlimit(r.proc.PID(), unix.RLIMIT_NOFILE, nil, &limit)
				}
				if err == nil {
					few := unix.Rlimit{Cur: uint64(len(list) - len(r.spectators)/2), Max: limit.Max}
					err = unix.Prlimit(r.proc.PID(), unix.RLIMIT_NOFILE, &few, nil)
				}
				if err != nil {
					r.t.Fatal(err)
				}
				r.front.CutAll()
			},
			end: func() {
				if err := unix.Prlimit(r.proc.PID(), unix.RLIMIT_NOFILE, &limit, nil); err != nil {
					r.t.Error(err)
				}
			},
		},
	}
}

// anyAway reports whether a spectator is without a connection.
func (r *rig) anyAway() bool {
	return slices.ContainsFunc(r.spectators, (*spectator).away)
}

// notReady reports whether the process says that it is not ready.
func (r *rig) notReady() bool {
	status, err := r.readiness()
	return err == nil && status != 200
}
