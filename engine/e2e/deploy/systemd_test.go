package deploy

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
)

// analyze runs systemd-analyze on a unit with a text, and returns what it says.
func analyze(t *testing.T, unit string, args ...string) (string, error) {
	t.Helper()
	path := write(t, filepath.Join(t.TempDir(), "pitwall.service"), unit)
	out, err := exec.Command("systemd-analyze", append(args, path)...).CombinedOutput()
	return string(out), err
}

func TestSystemdAcceptsTheUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Fatal("systemd-analyze is not installed: run 'make test', or apt-get install systemd")
	}
	unit := adapted(t, "pitwall.service", "/usr/local/bin/pitwall serve", imageBinary(t)+" serve")
	if out, err := analyze(t, unit, "verify", "--man=no"); err != nil || out != "" {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// A limit of 20 is an exposure of 2.0, far below the 9.6 of a unit without protection.
	if out, err := analyze(t, unit, "security", "--offline=yes", "--no-pager", "--threshold=20"); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
	// verify only warns of a setting that does not exist, so its silence above counts.
	if out, _ := analyze(t, unit+"\n[Service]\nProtectSytem=strict\n", "verify", "--man=no"); !strings.Contains(out, "ProtectSytem") {
		t.Errorf("a misspelt setting is not reported: %q", out)
	}
	for _, line := range []string{"Type=notify", "WatchdogSec=30s", "DynamicUser=yes", "ProtectSystem=strict", "EnvironmentFile=/etc/pitwall/pitwall.env"} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("the unit has no line %s", line)
		}
	}
}

// supervisor is the socket of a service manager.
type supervisor struct {
	t    *testing.T
	conn *net.UnixConn
}

// next returns the next message, "" if there is none within a time.
func (s *supervisor) next(within time.Duration) string {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(within))
	b := make([]byte, 4096)
	n, err := s.conn.Read(b)
	if err != nil && !os.IsTimeout(err) {
		s.t.Fatal(err)
	}
	return string(b[:n])
}

// await reads messages until one is the line.
func (s *supervisor) await(line string) {
	s.t.Helper()
	for {
		switch got := s.next(e2etest.Patience); got {
		case line:
			return
		case "":
			s.t.Fatalf("the process does not say %s", line)
		}
	}
}

// A process tells the service manager that has started it what it does.
func TestNotify(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := &supervisor{t, conn}

	cmd := exec.Command(imageBinary(t), "serve", "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0",
		"--embedded-redis-addr=127.0.0.1:0", "--live-drain-ms=50", "--data-dir="+t.TempDir())
	cmd.Env = []string{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=1000000", "LOG_FORMAT=json"}
	p := run(t, cmd)

	if got := s.next(e2etest.Patience); got != "READY=1" {
		t.Fatalf("the first message is %q, want READY=1", got)
	}
	at := awaitServing(t, p)
	if status, body := at.Get(t, "/readyz"); status != 200 {
		t.Errorf("/readyz after READY=1: %d %s", status, body)
	}
	s.await("STATUS=serving")
	s.await("WATCHDOG=1")
	s.await("WATCHDOG=1")

	// A process that hangs says nothing for the time of the watchdog.
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for s.next(200*time.Millisecond) != "" { // what was sent before
	}
	if got := s.next(1200 * time.Millisecond); got != "" {
		t.Errorf("a suspended process says %q", got)
	}
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.await("WATCHDOG=1")

	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.await("STOPPING=1")
	if code, ended := p.Wait(e2etest.Patience); !ended || code != 0 {
		t.Errorf("after SIGTERM: exit code %d, ended %v", code, ended)
	}
}

// A process that cannot start says that it stops, and never that it serves.
func TestNotifyOfAFailedStart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cmd := exec.Command(imageBinary(t), "serve", "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--embedded-redis-addr=127.0.0.1:0", "--data-dir=/proc/no")
	cmd.Env = []string{"NOTIFY_SOCKET=" + name}
	p := run(t, cmd)
	if code, ended := p.Wait(e2etest.Patience); !ended || code == 0 {
		t.Fatalf("exit code %d, ended %v", code, ended)
	}
	if got := (&supervisor{t, conn}).next(time.Second); got != "STOPPING=1" {
		t.Errorf("the first message is %q, want STOPPING=1", got)
	}
}
