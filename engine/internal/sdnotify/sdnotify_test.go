package sdnotify

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// listen opens a socket as a service manager has it.
func listen(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// receive returns the next message.
func receive(t *testing.T, l *net.UnixConn) string {
	t.Helper()
	_ = l.SetReadDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 4096)
	n, err := l.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestMessages(t *testing.T) {
	for kind, name := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": fmt.Sprintf("@pitwall-sdnotify-%d", os.Getpid()),
	} {
		t.Run(kind, func(t *testing.T) {
			l := listen(t, name)
			t.Setenv("NOTIFY_SOCKET", name)
			t.Setenv("WATCHDOG_USEC", "")
			m, err := FromEnv()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				say  func() error
				want string
			}{
				{m.Ready, "READY=1"},
				{m.Alive, "WATCHDOG=1"},
				{func() error { return m.Status("not ready:\nWATCHDOG=trigger  \t redis") }, "STATUS=not ready: WATCHDOG=trigger redis"},
				{m.Stopping, "STOPPING=1"},
			} {
				if err := c.say(); err != nil {
					t.Fatal(err)
				}
				if got := receive(t, l); got != c.want {
					t.Errorf("received %q, want %q", got, c.want)
				}
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			if err := m.Ready(); err == nil || !strings.Contains(err.Error(), "READY=1") {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

func TestWatchdogFromTheEnvironment(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	listen(t, name)
	t.Setenv("NOTIFY_SOCKET", name)
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
		wrong     bool
	}{
		{"", "", 0, false},
		{"30000000", "", 30 * time.Second, false},
		{"30000000", strconv.Itoa(os.Getpid()), 30 * time.Second, false},
		{"30000000", "1", 0, false}, // the watchdog of another process
		{"0", "", 0, true},
		{"-1", "", 0, true},
		{"9223372036854775807", "", 0, true},
		{"30s", "", 0, true},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		m, err := FromEnv()
		if (err != nil) != c.wrong || m.Watchdog() != c.want {
			t.Errorf("WATCHDOG_USEC=%s WATCHDOG_PID=%s: %v, %v; want %v", c.usec, c.pid, m.Watchdog(), err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), "WATCHDOG_USEC") {
			t.Errorf("%v does not name the variable", err)
		}
		_ = m.Close()
	}
}

func TestNobodyToTell(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	m, err := FromEnv()
	if m != nil || err != nil {
		t.Fatalf("%v, %v", m, err)
	}
	for _, say := range []func() error{m.Ready, m.Alive, m.Stopping, m.Close, func() error { return m.Status("x") }} {
		if err := say(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"vsock:2:1", "relative", filepath.Join(t.TempDir(), "none")} {
		t.Setenv("NOTIFY_SOCKET", name)
		if m, err := FromEnv(); m != nil || err == nil || !strings.Contains(err.Error(), "NOTIFY_SOCKET") {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}
