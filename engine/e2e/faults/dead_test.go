package faults

import (
	"os/exec"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// deadLetters: an operator lists, shows, replays and drops with the program
// what the database refused.
func deadLetters(t *testing.T, bin string) {
	s := newStack(t, 10)
	s.SQL("ALTER TABLE positions ADD CONSTRAINT guard CHECK (lat < 80)")
	p := s.process(bin)
	north := s.Add("device_id", e2etest.Device(2), "lat", "85", "lon", "8", "note", "a\x1bb")
	broken := s.Add("device_id", e2etest.Device(3), "lat", "85")
	dead := func(args ...string) (string, error) {
		t.Helper()
		out, err := exec.Command(bin, append(append([]string{"dead"}, args...), "--redis-url="+s.RedisURL)...).CombinedOutput()
		return string(out), err
	}
	list := func() string {
		t.Helper()
		out, err := dead("list")
		if err != nil {
			t.Fatalf("dead list: %v\n%s", err, out)
		}
		return out
	}
	var listed string
	s.Eventually("the letters", func() bool {
		listed = list()
		return strings.Contains(listed, broken) && strings.Contains(listed, north)
	})
	for _, want := range []string{north + " ", "database_refused", "guard", broken, "missing_field", "\n2 dead letters\n"} {
		if !strings.Contains(listed, want) {
			t.Errorf("dead list does not say %q:\n%s", want, listed)
		}
	}
	if out, err := dead("show", north); err != nil || !strings.Contains(out, `"note": "a\x1bb"`) || !strings.Contains(out, "written 1 time\n") {
		t.Errorf("dead show: %v\n%s", err, out)
	}
	for _, args := range [][]string{{"drop"}, {"replay"}, {"drop", "1-1"}, {"drop", "--all", north}} {
		if out, err := dead(args...); err == nil {
			t.Errorf("dead %q was carried out:\n%s", args, out)
		}
	}
	if out, err := dead("drop", broken); err != nil || strings.Contains(list(), broken) || !strings.Contains(list(), "\n1 dead letter\n") {
		t.Errorf("dead drop: %v\n%s\nleft is\n%s", err, out, list())
	}
	s.SQL("ALTER TABLE positions DROP CONSTRAINT guard")
	if out, err := dead("replay", "--all", "--reason=database_refused"); err != nil {
		t.Errorf("dead replay: %v\n%s", err, out)
	}
	s.Eventually("the row", func() bool {
		return s.Number("SELECT count(*) FROM positions WHERE lat = 85 AND ts = to_timestamp("+strings.Split(north, "-")[0]+" / 1000.0)") == 1
	})
	if strings.Contains(list(), "database_refused") {
		t.Errorf("replayed letters are still listed:\n%s", list())
	}
	p.kill()
}
