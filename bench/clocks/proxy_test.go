package clocks

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/servers"
)

// TestProxy: the server seems to have a wrong clock. All other replies are passed on
// as they are, also those to pipelined commands.
func TestProxy(t *testing.T) {
	redis, err := servers.StartRedis(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.End(9) })
	y, err := newProxy(redis.Addr(), func() time.Duration { return -90 * time.Second })
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", y.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	command := func(words ...string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "*%d\r\n", len(words))
		for _, w := range words {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
		}
		return b.String()
	}
	before := time.Now()
	fmt.Fprint(c, command("HELLO", "3"), command("SET", "k", "TIME\r\n"), command("TIME"), command("CLIENT", "TRACKING", "ON", "BCAST"),
		command("SET", "k", "x"), command("GET", "k"), command("time"), command("XADD", "s", "*", "a", "b"), command("XRANGE", "s", "-", "+"))
	var got []string
	for in := bufio.NewReader(c); len(got) < 10; { // nine replies and a push
		b, err := value(in, nil)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got = append(got, string(b))
	}
	times := 0
	for _, reply := range got {
		var size, us int
		var s int64
		if _, err := fmt.Sscanf(strings.ReplaceAll(reply, "\r\n", " "), "*2 $%d %d $%d %d", &size, &s, &size, &us); err != nil || s < 1e9 {
			continue
		}
		times++
		if off := time.Unix(s, int64(us)*1000).Sub(before); off < -91*time.Second || off > -30*time.Second {
			t.Errorf("the time is off by %v, want -90 s: %q", off, reply)
		}
	}
	if times != 2 || !strings.HasPrefix(got[0], "%") || !strings.Contains(strings.Join(got, ""), ">2\r\n$10\r\ninvalidate") {
		t.Errorf("%d times among %q", times, got)
	}
	if err := y.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a connection goes on after the end")
	}
}
