package gauge

import (
	"math"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseStat(t *testing.T) {
	const line = "42 (a (b) c) S 1 42 42 0 -1 4194560 2000 0 0 0 150 70 0 0 20 0 9 0 12345 1000000 300 18446744073709551615 1 1"
	s, err := parseStat(line)
	p := s.Process
	want := Process{1500 * time.Millisecond, 700 * time.Millisecond, 300 * int64(os.Getpagesize())}
	if err != nil || p != want {
		t.Errorf("parseStat = %+v, %v; want %+v", p, err, want)
	}
	for _, bad := range []string{"", "42 (x) S 1", "42 (x) S 1 2 3 4 5 6 7 8 9 10 x 12 13 14 15 16 17 18 19 20 21 22"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("parseStat(%q) gave no error", bad)
		}
	}
}

func TestParseMachine(t *testing.T) {
	m, err := parseMachine("cpu  100 10 50 1000 20 5 5 30 7 0")
	want := Machine{Busy: 1700 * time.Millisecond, Idle: 10200 * time.Millisecond, SoftIRQ: 50 * time.Millisecond, Steal: 300 * time.Millisecond}
	if err != nil || m != want {
		t.Errorf("parseMachine = %+v, %v; want %+v", m, err, want)
	}
	if _, err := parseMachine("cpu0 1 2"); err == nil {
		t.Error("a line of one processor gave no error")
	}
}

// TestReadProcess: what this process uses is seen.
func TestReadProcess(t *testing.T) {
	before, err := ReadProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	limit := time.Now().Add(20 * time.Second)
	for {
		for i := range 1 << 20 {
			_ = math.Sqrt(float64(i))
		}
		now, err := ReadProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now.Since(before).CPU() >= 50*time.Millisecond && now.RSS > 0 {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("20 s of computing are shown as %v", now.Since(before).CPU())
		}
	}
	if _, err := ReadProcess(1 << 30); err == nil {
		t.Error("a process that does not exist was read")
	}
}

// TestReadTree: children are counted.
func TestReadTree(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	alone, err := ReadProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	child := Process{}
	for limit := time.Now().Add(20 * time.Second); child.RSS == 0 && time.Now().Before(limit); {
		if child, err = ReadProcess(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := ReadTree(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if tree.RSS < alone.RSS/2+child.RSS/2 || child.RSS == 0 {
		t.Errorf("resident: alone %d, child %d, together %d", alone.RSS, child.RSS, tree.RSS)
	}
}

const text = `# HELP x
records_total 10
lag{stream="a"} 5
lag{stream="b c"} 7
lagged 3
latency_bucket{le="0.1"} 50
latency_bucket{le="0.2"} 90
latency_bucket{le="1"} 100
latency_bucket{le="+Inf"} 100
latency_count 100
`

func TestMetrics(t *testing.T) {
	m := parseMetrics(text)
	if m["records_total"] != 10 || m.Sum("lag") != 12 || m.Max("lag") != 7 || m.Sum("absent") != 0 {
		t.Errorf("records %v, lag %v in all and %v at most", m["records_total"], m.Sum("lag"), m.Max("lag"))
	}
	for q, want := range map[float64]float64{0.5: 0.1, 0.25: 0.05, 0.7: 0.15, 0.95: 0.6, 1: 1} {
		if got := m.Quantile("latency", q); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v = %v, want %v", q, got, want)
		}
	}
	if got := m.Since(m).Quantile("latency", 0.5); !math.IsNaN(got) {
		t.Errorf("quantile of nothing = %v, want NaN", got)
	}
	twice := Metrics{}
	twice.Add(m)
	twice.Add(m)
	if d := twice.Since(m); d["records_total"] != 10 {
		t.Errorf("twice less once: %v", d["records_total"])
	}
}
