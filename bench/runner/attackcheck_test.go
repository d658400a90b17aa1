package runner

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// checked is the error of a command line before anything starts.
func checked(t *testing.T, args ...string) error {
	t.Helper()
	r := prepare(t, args...)
	return r.opt.check(r.scenario, &r.plan)
}

// TestAttacksTooShort: the error names the flag, the reason and the minimum duration.
// That one is accepted, and a second less is not.
func TestAttacksTooShort(t *testing.T) {
	const (
		fast  = " --engine-arg=--http-header-timeout-ms=300 --engine-arg=--live-write-timeout-ms=200"
		quiet = ";messages=0;topics=0;bombs=0;headers=0;tokens=0;frames=0"
	)
	for _, c := range []struct{ args, want string }{
		{"--duration=2s", "9 attacks alone and all at once"},
		{"--duration=28s", "--http-header-timeout-ms"},
		{"--duration=7s --attack=halfopen=0;deaf=0" + quiet, "the attack slow lasts"},
		{"--duration=7s --attack=slow=0;deaf=0" + quiet, "the attack halfopen lasts"},
		{"--duration=7s --attack=slow=0;halfopen=0" + quiet, "--live-write-timeout-ms"},
		{"--duration=28s" + fast + " --rate=20 --warmup=0s", "the attack deaf lasts"},
		{"--duration=60s --engine-arg=--http-header-timeout-ms=300 --engine-arg=--http-header-timeout-ms=10000", "waits for 10s"},
		{"--duration=6s --attack=slow=0;halfopen=0;deaf=0;topics=0;bombs=0;headers=0;tokens=0;frames=0", "the attack messages lasts"},
		{"--duration=6s --attack=slow=0;halfopen=0;deaf=0;messages=0;bombs=0;headers=0;tokens=0;frames=0", "--live-request-burst"},
		{"--duration=60s --engine-arg=--http-header-timeout-ms --engine-arg=10000", "waits for 10s"},
	} {
		t.Run(c.args, func(t *testing.T) {
			args := append([]string{"siege"}, strings.Fields(c.args)...)
			err := checked(t, args...)
			if err == nil || !strings.Contains(err.Error(), "--duration") || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one that names --duration and %q", err, c.want)
			}
			m := regexp.MustCompile(`the minimum is (\S+),`).FindStringSubmatch(err.Error())
			if m == nil {
				t.Fatalf("%v: want the minimum duration", err)
			}
			least, err := time.ParseDuration(m[1])
			if err != nil {
				t.Fatal(err)
			}
			for d, want := range map[time.Duration]bool{least: true, least - time.Second: false, 2 * least: true} {
				if err := checked(t, append(args, "--duration="+d.String())...); (err == nil) != want {
					t.Errorf("with %v: error %v, want none: %t", d, err, want)
				}
			}
		})
	}
}

// TestAttacksLongEnough: these are accepted.
func TestAttacksLongEnough(t *testing.T) {
	for _, args := range []string{
		"", "--connections=300 --attack=tokens=20000;bombs=0 --engine-arg=--live-request-rate=5",
		"--duration=6s --attack=slow=0;halfopen=0;deaf=0;messages=0;topics=0;bombs=0;headers=0;tokens=0",
	} {
		if err := checked(t, append([]string{"siege"}, strings.Fields(args)...)...); err != nil {
			t.Errorf("siege %s: %v", args, err)
		}
	}
}

// TestNothingToRefuse: a client that never reads but receives hardly anything, or that
// stays within its request limit, is never refused.
func TestNothingToRefuse(t *testing.T) {
	err := checked(t, "siege", "--rate=1", "--duration=30m")
	if err == nil || !strings.Contains(err.Error(), "the attack deaf") || !strings.Contains(err.Error(), "--attack KIND=0") || strings.Contains(err.Error(), "the minimum is") {
		t.Errorf("error %v, want one that says to leave deaf out", err)
	}
	if err := checked(t, "siege", "--attack=messages=40"); err == nil || !strings.Contains(err.Error(), "the attack messages") || strings.Contains(err.Error(), "the minimum is") {
		t.Errorf("error %v, want one that says to leave messages out, which are within the limit", err)
	}
	if err := checked(t, "siege", "--rate=1", "--attack=deaf=0"); err != nil {
		t.Errorf("without deaf: %v", err)
	}
}
