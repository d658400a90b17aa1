package runner

import (
	"io"
	"strings"
	"testing"
)

// TestWrongFlagsAreNamed before anything is started: these commands have no Redis and
// no server.
func TestWrongFlagsAreNamed(t *testing.T) {
	const target = "--target=ws://127.0.0.1:1/live"
	for _, c := range []struct {
		args string
		want string
	}{
		{"nosuch", "nosuch"},
		{"stadium --runs=0", "--runs"},
		{"stadium --connections=0", "--connections"},
		{"stadium --connections=30000", "--connections"},
		{"stadium --events=0", "--events"},
		{"stadium --events=300", "--devices"},
		{"stadium --rate=0", "--rate"},
		{"stadium --rate=500000", "--rate"},
		{"stadium --engines=0", "--engines"},
		{"stadium --check-every=0", "--check-every"},
		{"stadium --check-every=8 --peer=hub", "--check-every"},
		{"stadium --check-every=8 --floor", "--check-every"},
		{"stadium --check-every=8 " + target, "--check-every"},
		{"stadium --check-every=8 --ops=127.0.0.1:1 --dialect=nats " + target, "--check-every"},
		{"stadium --zipf=-1", "--zipf"},
		{"stadium --slow=101", "--slow"},
		{"stadium --slow=1", "--slow-rate"},
		{"stadium --interval=-1", "--interval"},
		{"stadium --window=-1s", "--window"},
		{"stadium --warmup=-1s", "--warmup"},
		{"stadium --connect=-1s", "--connect"},
		{"stadium --duration=10ms", "--duration"},
		{"stadium --over=1s", "--over"},
		{"herd --over=0s", "--over"},
		{"stadium --start-line", "--start-line"},
		{"stadium --attack=tokens=1", "--attack"},
		{"siege --attack=nosuch=1", "--attack"},
		{"siege --duration=2s", "--duration"},
		{"stadium --ramp=rate --from=0", "--from"},
		{"stadium --ramp=rate --grow=1", "--grow"},
		{"stadium --ramp=rate --step=10ms", "--step"},
		{"stadium --ramp=rate --p99=0s", "--p99"},
		{"stadium --ramp=rate --profile=cpu", "--profile"},
		{"herd --ramp=connections", "--ramp"},
		{"stadium --ops=127.0.0.1:1", "--ops"},
		{"stadium --pid=1", "--pid"},
		{"stadium --peer=hub --profile=cpu", "--profile"},
		{"siege --peer=hub", "--peer"},
		{"stadium --target=http://127.0.0.1:1/live", "--target"},
		{"siege " + target, "--target"},
		{"roster " + target, "--target"},
		{"stadium --peer=hub " + target, "--target"},
		{"stadium --engine-arg=--no-archive " + target, "--engine-arg"},
		{"stadium --pid=4194305 " + target, "--pid"}, // above the kernel's highest
		{"stadium --profile=cpu " + target, "--ops"},
		{"stadium --redis=redis://127.0.0.1:1 " + target, "--redis"},
		{"stadium --json=/nonexistent/r.json", "--json"},
		{"stadium --html=/nonexistent/r.html", "--html"},
	} {
		t.Run(c.args, func(t *testing.T) {
			_, err := command(t, strings.Fields(c.args)...).Measure(t.Context(), io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that names %s", err, c.want)
			}
		})
	}
}
