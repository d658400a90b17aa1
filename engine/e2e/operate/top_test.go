package operate

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"pitwall/engine/admin/monitor"
	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/ops"
)

// stall connects a spectator of the event demo that reads nothing after the handshake.
func stall(t *testing.T, addr string) {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(c, "GET /live HTTP/1.1\r\nHost: "+addr+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	frame := []byte(`{"type":"subscribe","topic":"event:demo"}`)
	if _, err := c.Write(append([]byte{0x81, 0x80 | byte(len(frame)), 0, 0, 0, 0}, frame...)); err != nil {
		t.Fatal(err)
	}
}

// screen collects what a program writes to its terminal.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// top shows a slow client and a device in no event: as JSON, in one table without a
// terminal, and on a terminal, which it leaves as it was.
func TestTop(t *testing.T) {
	s := e2etest.NewStack(t, 2)
	e := s.Start("--simulate=400", "--simulate-in-database", "--live-ring-max-age-ms=300", "--live-ring-bytes=4096", "--live-flush-ms=20", "--live-notsent-lowat=1024", "--no-archive")
	stall(t, e.HTTP)
	s.Add("device_id", "lost", "ts", strconv.FormatInt(time.Now().UnixMilli(), 10), "lat", "47.5", "lon", "8.25")
	var r ops.Top
	s.Eventually("the slow client has lagged, and the lost device is listed", func() bool {
		res, err := e2etest.HTTP.Get("http://" + e.Ops + "/top")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		r = ops.Top{}
		if err := json.NewDecoder(res.Body).Decode(&r); err != nil {
			t.Fatal(err)
		}
		orphan := false
		for _, o := range r.Orphans {
			orphan = orphan || o.Device == "lost" && o.Place != nil && o.Place.Lat == 47.5 && o.Place.Lon == 8.25 && !o.Arrival.IsZero()
		}
		return orphan && r.RateSeconds > 0 && len(r.Slowest) == 1 && r.Slowest[0].OldestMS > 0 && r.Slowest[0].Lagged > 0 && r.Slowest[0].QueuedBytes > 0
	})
	if c := r.Slowest[0]; c.Address != "127.0.0.1" || c.ID == 0 {
		t.Errorf("the slow connection: %+v", c)
	}
	var once bytes.Buffer
	if err := monitor.Top(t.Context(), target(e.Ops, ""), &once); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ready\n", "records/s in", "topics by spectators\n  1  event:demo", "slowest connections\n", " bytes", "lagged ", "127.0.0.1\n", "devices in no event\n", "lost", "47.500000, 8.250000"} {
		if !strings.Contains(once.String(), want) {
			t.Errorf("no %q in\n%s", want, once.String())
		}
	}
	for _, key := range []string{"q", "\x03"} {
		onTerminal(t, e2etest.Build(t, "cmd/pitwall"), e.Ops, key)
	}
}

// onTerminal runs top on a terminal until a key ends it.
func onTerminal(t *testing.T, program, addr, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*e2etest.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "top", "--ops-addr="+addr, "--interval=100ms", "--timeout=20s")
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 50, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	seen := new(screen)
	go func() { _, _ = io.Copy(seen, master) }() // ends when master is closed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, "two frames", seen, func(text string) bool {
		return strings.Count(text, "q ends") >= 2 && strings.Contains(text, "event:demo") && strings.Contains(text, "slowest connections") && strings.Contains(text, "lost")
	})
	for l := range strings.SplitSeq(regexp.MustCompile(`\x1b\[[?0-9]*[A-Za-z]`).ReplaceAllString(seen.String(), ""), "\r\n") {
		if len(l) > 200 {
			t.Errorf("a line is longer than the terminal: %q", l)
		}
	}
	if _, err := io.WriteString(master, key); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after %q: %v", key, err)
	}
	wait(t, "the end of the screen", seen, func(text string) bool { return strings.HasSuffix(text, "\x1b[?25h\x1b[?1049l") })
	after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal is left as %+v (%v), was %+v", after, err, before)
	}
}

func wait(t *testing.T, what string, seen *screen, ok func(text string) bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(e2etest.Patience); !ok(seen.String()); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not on the terminal:\n%q", what, seen)
		}
	}
}
