package alerts

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// speed is how much faster than in production the rules count time here.
const speed = 20

var duration = regexp.MustCompile(`(for: |\[)(\d+)m`)

// accelerated returns the rules with every time divided by speed. All times are minutes.
func accelerated(t *testing.T, rules string) string {
	t.Helper()
	if all := strings.Count(rules, "for: ") + strings.Count(rules, "["); len(duration.FindAllString(rules, -1)) != all {
		t.Fatalf("not all of %d times in the rules are minutes", all)
	}
	return duration.ReplaceAllStringFunc(rules, func(text string) string {
		m := duration.FindStringSubmatch(text)
		minutes, _ := strconv.Atoi(m[2]) // digits
		return fmt.Sprintf("%s%ds", m[1], minutes*60/speed)
	})
}

// onlyLong are the alerts whose faults take too long for make test.
var onlyLong = []string{"PitwallArchiveLag", "PitwallClockDifference"}

// fault is something that goes wrong in one process.
type fault struct {
	process string
	alerts  []string // fire while it lasts
	also    []string // may fire
	begin   func()
	end     func()
}

// TestFaults: a process each has a real fault. Prometheus fires the alerts of that fault
// and no others, and all fall silent after the recovery. A process without a fault fires
// nothing. With PITWALL_LONG, also faults that need minutes.
func TestFaults(t *testing.T) {
	r := newRig(t)
	faults := r.faults()
	r.awaitReady()
	r.publish(r.main, devices)
	p := startPrometheus(t, accelerated(t, read(t, deploy+"/alerts.yml")), r.targets())
	r.p = p
	testenv.Eventually(t, e2etest.Patience, "all processes to be scraped", func() bool { return len(p.query("processor_ready == 1")) == len(r.processes) })
	if firing := p.firing(); len(firing) > 0 {
		t.Fatalf("before any fault fire %v", firing)
	}
	for _, f := range faults {
		f.begin()
	}
	ended := make([]bool, len(faults))
	for i, f := range faults {
		for _, alert := range f.alerts {
			testenv.Eventually(t, e2etest.Patience, f.process+" "+alert+" to fire", func() bool {
				// Faults whose alerts have all fired end in the meantime.
				firing := p.firing()
				for j, other := range faults {
					all := !slices.ContainsFunc(other.alerts, func(a string) bool { return firing[other.process+" "+a] == nil })
					if all && !ended[j] {
						ended[j] = true
						other.end()
					}
				}
				return ended[i] || firing[f.process+" "+alert] != nil
			})
		}
	}
	testenv.Eventually(t, e2etest.Patience, "silence", func() bool { return len(p.firing()) == 0 })

	allowed := map[string]bool{}
	for _, f := range faults {
		for _, alert := range slices.Concat(f.alerts, f.also) {
			allowed[f.process+" "+alert] = true
		}
	}
	seen := map[string]bool{}
	fired := p.query(`count by (instance, alertname) (count_over_time(ALERTS{alertstate="firing"}[1h]))`)
	for _, s := range fired {
		seen[s.Metric["alertname"]] = true
		if name := s.Metric["instance"] + " " + s.Metric["alertname"]; !allowed[name] {
			t.Errorf("%s fired without a fault", name)
		}
	}
	for _, rule := range p.rules() {
		if !seen[rule.Name] && (long() || !slices.Contains(onlyLong, rule.Name)) {
			t.Errorf("no fault has fired %s", rule.Name)
		}
	}
}

// faults starts the processes and returns what will go wrong in them. One process stays
// without a fault.
func (r *rig) faults() []fault {
	r.start("healthy", r.main)
	all := slices.Concat(r.serverFaults(), r.recordFaults(), r.clientFaults(), r.processFaults())
	if long() {
		all = append(all, r.clockFault())
	}
	return all
}

// long reports whether the test may take several minutes.
func long() bool { return os.Getenv("PITWALL_LONG") != "" }

// clockFault is a server whose clock is ahead. The difference is the least of a minute,
// so its end is seen a minute later.
func (r *rig) clockFault() fault {
	redis, ahead := clockedRedis(r.t)
	r.start("clock", redis)
	r.publish(redis, 1)
	return fault{
		process: "clock", alerts: []string{"PitwallClockDifference"},
		begin: func() { ahead(4) }, end: func() { ahead(0) },
	}
}

// serverFaults are those of Redis and PostgreSQL.
func (r *rig) serverFaults() []fault {
	redis, other := testenv.Redis(r.t), testenv.Redis(r.t)
	r.start("redis", redis, "--ready-redis-away-ms=1000")
	direct := r.stack.DatabaseURL
	proxy := r.stack.ProxyDatabase()
	r.start("postgres", other, "--archive-ready-fault-ms=1000")
	r.stack.DatabaseURL = direct
	database := fault{
		process: "postgres", alerts: []string{"PitwallPostgresAway", "PitwallNotReady", "PitwallMapStale"}, also: []string{"PitwallArchiveLag"},
		begin: proxy.Stall, end: proxy.Resume,
	}
	if long() { // the lag has to reach a minute
		database.alerts, database.also = append(database.alerts, "PitwallArchiveLag"), nil
		database.begin = func() {
			proxy.Stall()
			other.Do("XADD", e2etest.Stream, "*", "device_id", e2etest.Device(0), "lat", "47", "lon", "8")
		}
	}
	signal := func(sig syscall.Signal) func() { return func() { redis.Signal(sig) } }
	return []fault{
		{
			process: "redis", alerts: []string{"PitwallRedisAway", "PitwallNotReady", "PitwallLiveLag"}, also: []string{"PitwallArchiveLag"},
			begin: signal(syscall.SIGSTOP), end: signal(syscall.SIGCONT),
		},
		database,
	}
}

// recordFaults are records that cannot be archived, which stay until an operator drops
// them.
func (r *rig) recordFaults() []fault {
	redis := testenv.Redis(r.t)
	r.start("letters", redis)
	return []fault{{
		process: "letters", alerts: []string{"PitwallDeadLetters"},
		begin: func() {
			for range 3 {
				redis.Do("XADD", e2etest.Stream, "*", "device_id", e2etest.Device(0), "lat", "91", "lon", "8")
			}
		},
		end: func() {
			if out, err := exec.Command(r.program, "dead", "drop", "--all", "--redis-url="+redis.URL()).CombinedOutput(); err != nil {
				r.t.Errorf("dead drop: %v\n%s", err, out)
			}
		},
	}}
}

// clientFaults are those that spectators cause.
func (r *rig) clientFaults() []fault {
	r.start("slow", r.main, "--no-archive")
	r.start("queue", r.main, "--no-archive", "--live-max-queued-bytes=400000", "--live-ring-bytes=16777216", "--live-ring-max-age-ms=0")
	r.limit = 160
	r.start("descriptors", r.main, "--no-archive")
	r.limit = 0
	var slow, holding, many crowd
	return []fault{
		{
			process: "slow", alerts: []string{"PitwallSlowSpectators"},
			begin: func() { slow = r.connect("slow", 25, true) }, end: func() { slow.leave() },
		},
		{
			process: "queue", alerts: []string{"PitwallQueueFull"}, also: []string{"PitwallSlowSpectators"},
			begin: func() { holding = r.connect("queue", 10, true) }, end: func() { holding.leave() },
		},
		{
			process: "descriptors", alerts: []string{"PitwallDescriptorsNearLimit"},
			begin: func() { many = r.connect("descriptors", 110, false) }, end: func() { many.leave() },
		},
	}
}

// processFaults are those of the process itself and its files.
func (r *rig) processFaults() []fault {
	dir := r.t.TempDir()
	certificate(r.t, dir, time.Now().AddDate(1, 0, 0))
	r.start("certificate", r.main, append(certificateFlags(dir), "--no-archive")...)
	r.start("lease", r.main, "--no-archive", "--instance-id=lease")
	return []fault{
		{
			process: "certificate", alerts: []string{"PitwallCertificateExpiring"},
			begin: func() { certificate(r.t, dir, time.Now().AddDate(0, 0, 3)) },
			end:   func() { certificate(r.t, dir, time.Now().AddDate(1, 0, 0)) },
		},
		{
			process: "lease", alerts: []string{"PitwallLeaseLost", "PitwallNotReady"}, also: []string{"PitwallDown"},
			begin: func() { r.main.Do("SET", "pitwall:lease:lease", "another process", "KEEPTTL") },
			end: func() {
				p := r.processes["lease"]
				p.kill()
				testenv.Eventually(r.t, e2etest.Patience, "PitwallDown", func() bool { return r.p.firing()["lease PitwallDown"] != nil })
				r.main.Do("DEL", "pitwall:lease:lease")
				p.run()
			},
		},
	}
}

// ready reports whether /readyz answers 200.
func ready(addr string) bool {
	status, _, err := e2etest.Fetch(http.MethodGet, "http://"+addr+"/readyz")
	return err == nil && status == http.StatusOK
}

// note is an attribute that makes positions large enough to fill a socket.
var note = strings.Repeat("x", 400)
