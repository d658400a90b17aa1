package embedded

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

func TestKeysExpire(t *testing.T) {
	c := dial(t, startRedis(t).Addr())
	if got := say(c, words("SET lease token NX PX 80")); got != "+OK\r\n" {
		t.Fatalf("SET NX PX: %q", got)
	}
	if got := say(c, words("GET lease")); got != "$5\r\ntoken\r\n" {
		t.Fatalf("GET before expiry: %q", got)
	}
	testenv.Eventually(t, 5*time.Second, "the lease to expire", func() bool {
		return say(c, words("GET lease")) == "$-1\r\n"
	})
	if got := say(c, words("SET lease other NX PX 80")); got != "+OK\r\n" {
		t.Errorf("SET NX after expiry: %q", got)
	}
}

func TestEntryIDsFollowTheClock(t *testing.T) {
	c := dial(t, startRedis(t).Addr())
	before := time.Now().UnixMilli()
	reply := say(c, words("XADD s * a b"))
	after := time.Now().UnixMilli()
	_, id, _ := strings.Cut(reply, "\r\n")
	text, _, _ := strings.Cut(id, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < before || ms > after {
		t.Errorf("entry id %q, want its time between %d and %d", reply, before, after)
	}
}

func TestBlockedReadWakesUp(t *testing.T) {
	r := startRedis(t)
	reader, writer := dial(t, r.Addr()), dial(t, r.Addr())
	say(writer, words("XGROUP CREATE s g $ MKSTREAM"))

	var wg sync.WaitGroup
	defer wg.Wait()
	got := make(chan string, 1)
	wg.Go(func() { got <- say(reader, words("XREADGROUP GROUP g me BLOCK 30000 NOACK STREAMS s >")) })
	// Whether the read blocks already cannot be seen. It must return the entry in any
	// case.
	say(writer, words("XADD s 1-0 a b"))
	select {
	case reply := <-got:
		if !strings.Contains(reply, "1-0") {
			t.Errorf("blocked read: %q", reply)
		}
	case <-time.After(10 * time.Second):
		t.Error("the blocked read was not woken by an XADD")
	}
}

func TestCloseEndsBlockedReads(t *testing.T) {
	r := startRedis(t)
	c := dial(t, r.Addr())
	say(c, words("XGROUP CREATE s g $ MKSTREAM"))
	var wg sync.WaitGroup
	wg.Go(func() { say(c, words("XREADGROUP GROUP g me BLOCK 0 STREAMS s >")) })
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait() // never returns if the connection is left open
	if _, err := net.Dial("tcp", r.Addr()); err == nil {
		t.Error("still listening after Close")
	}
}

func TestStartErrorNamesTheSetting(t *testing.T) {
	r := startRedis(t)
	if again, err := StartRedis(RedisOptions{Addr: r.Addr()}); err == nil {
		again.Close()
		t.Fatal("two servers on one address")
	} else if !strings.Contains(err.Error(), "EMBEDDED_REDIS_ADDR") {
		t.Errorf("error %q does not name EMBEDDED_REDIS_ADDR", err)
	}
}

// TestStreamsAreBounded publishes in every form of XADD and checks the length. The
// server has a bound of 5.
func TestStreamsAreBounded(t *testing.T) {
	tests := []struct {
		name, xadd string
		want       int // entries after 20 such commands
	}{
		{"no bound", "XADD s * a b", 5},
		{"lower bound", "XADD s MAXLEN 3 * a b", 3},
		{"lower bound, approximate", "XADD s MAXLEN ~ 3 * a b", 3},
		{"lower bound with limit", "XADD s MAXLEN ~ 3 LIMIT 100 * a b", 3},
		{"higher bound", "XADD s maxlen = 100 * a b", 5},
		{"higher bound, plain", "XADD s MAXLEN 100 * a b", 5},
		{"by id", "XADD s MINID ~ 0-1 * a b", 5},
		{"by id with limit", "XADD s MINID ~ 0-1 LIMIT 5 * a b", 5},
		{"existing stream only", "XADD s NOMKSTREAM * a b", 0},
		{"existing stream only, bounded", "XADD s nomkstream MAXLEN ~ 100 * a b", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startRedis(t)
			r.server.Server().SetPreHook(newCommandFilter(r.server.Server(), newAuthorizer(redis.Scripts(), ""), 5, MaxStreamBytes).apply)
			c := dial(t, r.Addr())
			for range 20 {
				if reply := say(c, words(tt.xadd)); reply[0] != '$' {
					t.Fatalf("%s: %q", tt.xadd, reply)
				}
			}
			if got, want := say(c, words("XLEN s")), fmt.Sprintf(":%d\r\n", tt.want); got != want {
				t.Errorf("after %s: length %q, want %q", tt.xadd, got, want)
			}
		})
	}
}

func TestScriptsAndTransactionsAreBoundedToo(t *testing.T) {
	r := startRedis(t)
	r.server.Server().SetPreHook(newCommandFilter(r.server.Server(), newAuthorizer(redis.Scripts(), ""), 5, MaxStreamBytes).apply)
	c := dial(t, r.Addr())
	addLetters := []string{"EVAL", pitwallScript(t, "XACK"), "2", "s", "from", "group", "100"}
	for range 20 {
		addLetters = append(addLetters, "1-1", "2", "a", "b")
	}
	say(c, addLetters)
	if got := say(c, words("XLEN s")); got != ":5\r\n" {
		t.Errorf("after a script: %q", got)
	}
	say(c, words("MULTI"))
	for range 20 {
		if got := say(c, words("XADD t * a b")); got != "+QUEUED\r\n" {
			t.Fatalf("in a transaction: %q", got)
		}
	}
	say(c, words("EXEC"))
	if got := say(c, words("XLEN t")); got != ":5\r\n" {
		t.Errorf("after a transaction: %q", got)
	}
}

// The newest entries stay, whatever their size. After large entries, as many small
// ones fit as before.
func TestStreamsAreBoundedInBytes(t *testing.T) {
	r := startRedis(t)
	r.server.Server().SetPreHook(newCommandFilter(r.server.Server(), newAuthorizer(redis.Scripts(), ""), 20, 1100).apply)
	c := dial(t, r.Addr())
	large, small := strings.Repeat("x", 300), "x"
	for _, step := range []struct {
		value string
		adds  int
		want  int
	}{
		{small, 30, 20}, {large, 1, 9}, {large, 4, 3}, {strings.Repeat("x", 2000), 1, 1}, {small, 40, 20},
	} {
		for range step.adds {
			for _, bound := range [][]string{{}, {"MAXLEN", "20"}}[:1+step.adds%2] { // both paths through commandFilter
				cmd := append(append([]string{"XADD", "s"}, bound...), "*", "a", step.value)
				if reply := say(c, cmd); reply[0] != '$' {
					t.Fatalf("%.60q: %q", cmd, reply)
				}
			}
		}
		if got, want := say(c, words("XLEN s")), fmt.Sprintf(":%d\r\n", step.want); got != want {
			t.Errorf("after %d entries of %d bytes: length %q, want %q", step.adds, len(step.value), got, want)
		}
		newest := say(c, words("XREVRANGE s + - COUNT 1"))
		if !strings.Contains(newest, step.value) {
			t.Errorf("the newest entry is %.100q, want the one that was added last", newest)
		}
	}
}

// Large entries are refused, and the existing entries are kept.
func TestLargeEntriesAreRefused(t *testing.T) {
	c := dial(t, startRedis(t).Addr())
	say(c, words("XADD s * a b"))
	if got := say(c, []string{"XADD", "s", "*", "a", strings.Repeat("x", MaxEntryBytes)}); !strings.HasPrefix(got, "-ERR") {
		t.Errorf("an entry beyond the bound: %q, want an error", got)
	}
	if got := say(c, []string{"XADD", "s", "*", "a", strings.Repeat("x", MaxEntryBytes-len("*a")-3*stringBytes)}); got[0] != '$' {
		t.Errorf("an entry at the bound: %q, want its id", got)
	}
	if got := say(c, words("XLEN s")); got != ":2\r\n" {
		t.Errorf("length %q, want 2", got)
	}
}

// TestHostileRequests sends requests that would make miniredis panic and end the
// process, and then checks that other clients are still served.
func TestHostileRequests(t *testing.T) {
	r := startRedis(t)
	raw := []struct{ name, bytes string }{
		{"empty array", "*0\r\n"},
		{"negative array", "*-1\r\n"},
		{"huge array", "*999999999999\r\n"},
		{"array beyond the bound", "*100001\r\n"},
		{"negative bulk string", "*1\r\n$-1\r\n"},
		{"huge bulk string", "*1\r\n$99999999999999999\r\n"},
		{"bulk string beyond the bound", "*1\r\n$8388609\r\n"},
		{"two bulk strings beyond the bound", "*2\r\n$5\r\nhello\r\n$8388604\r\n"},
		{"no digits", "*\r\n"},
		{"a browser", "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n*1\r\n$4\r\nPING\r\n"},
		{"an integer as argument", "*1\r\n:5\r\n"},
		{"CR without LF", "*1\rx"},
		{"half a request", "*2\r\n$4\r\nXADD"},
	}
	for _, tt := range raw {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", r.Addr())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte(tt.bytes)); err != nil {
				t.Fatal(err)
			}
			if tt.name == "half a request" {
				conn.Close()
				return
			}
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, err := conn.Read(make([]byte, 64))
			if ne, ok := err.(net.Error); err == nil || ok && ne.Timeout() {
				t.Errorf("read %d bytes, %v; want the connection closed", n, err)
			}
		})
	}
	c := dial(t, r.Addr())
	for _, cmd := range []string{
		"XADD", "XADD s", "XADD s MAXLEN", "XADD s MAXLEN ~", "XADD s MAXLEN ~ 5", "XADD s NOMKSTREAM MAXLEN ~",
		"XADD s NOMKSTREAM MINID =", "XADD s MAXLEN ~ x * a b", "XADD s MAXLEN -1 * a b", "XADD s * a", "XADD s MAXLEN 5 LIMIT",
		"XADD s MAXLEN 9999999999999999999 * a b",
		"XTRIM s MAXLEN ~", "XTRIM s MINID =", "XTRIM s MAXLEN",
		"XCLAIM s g c 0 1-0 IDLE", "XCLAIM s g c 0 1-0 2-0 time", "XCLAIM s g c 0 1-0 RETRYCOUNT",
	} {
		if got := say(c, words(cmd)); !strings.HasPrefix(got, "-") {
			t.Errorf("%s: %q, want an error", cmd, got)
		}
	}
	if got := say(c, words("PING")); got != "+PONG\r\n" {
		t.Errorf("PING afterwards: %q", got)
	}
}
