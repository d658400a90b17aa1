package servers

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProcessThatCannotStart(t *testing.T) {
	dir := t.TempDir()
	if _, err := StartProcess(exec.Command(filepath.Join(dir, "absent")), filepath.Join(dir, "log"), syscall.SIGKILL); err == nil {
		t.Error("a missing program started")
	}
	p, err := StartProcess(exec.Command("sh", "-c", "echo no such luck; exit 3"), filepath.Join(dir, "log"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	err = p.WaitReady(10*time.Second, func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("error %v, want one with the program's output", err)
	}
	if err := p.End(syscall.SIGTERM); err != nil {
		t.Errorf("end of a process that is gone: %v", err)
	}
}

func TestOnFreePort(t *testing.T) {
	taken := errors.New("bind: Address already in use")
	other := errors.New("disk full")
	tests := []struct {
		name  string
		errs  []error
		want  error
		calls int
	}{
		{"first port is good", []error{nil}, nil, 1},
		{"third port is good", []error{taken, taken, nil}, nil, 3},
		{"another error is final", []error{taken, other}, other, 2},
		{"never a good one", []error{taken, taken, taken, taken, taken, taken, taken, taken, nil}, taken, startTries},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			err := OnFreePort(func(port int) error {
				if port < portFirst || port >= portLast {
					t.Errorf("port %d", port)
				}
				calls++
				return tt.errs[calls-1]
			})
			if err != tt.want || calls != tt.calls {
				t.Errorf("got %v after %d calls, want %v after %d", err, calls, tt.want, tt.calls)
			}
		})
	}
}

func TestPoll(t *testing.T) {
	n := 0
	if !Poll(time.Minute, func() bool { n++; return n == 3 }) || n != 3 {
		t.Errorf("a condition true at the third look: %d looks", n)
	}
	if Poll(5*time.Millisecond, func() bool { return false }) {
		t.Error("a condition that is never true became true")
	}
}
