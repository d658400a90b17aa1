package testenv

import (
	"net"
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/servers"

	"github.com/google/go-cmp/cmp"
)

func TestRedisAnswersEveryKindOfReply(t *testing.T) {
	s := Redis(t)
	tests := []struct {
		name string
		args []string
		want any
	}{
		{"status", []string{"PING"}, "PONG"},
		{"integer", []string{"INCR", "n"}, int64(1)},
		{"nil", []string{"GET", "absent"}, nil},
		{"bulk with line breaks", []string{"ECHO", "a\r\nb"}, "a\r\nb"},
		{"empty bulk", []string{"ECHO", ""}, ""},
		{"nested array", []string{"EVAL", "return {1,{'a',false},'b'}", "0"},
			[]any{int64(1), []any{"a", nil}, "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, s.Do(tt.args...)); diff != "" {
				t.Errorf("reply to %q (-want +got):\n%s", tt.args, diff)
			}
		})
	}
	if _, err := s.Try("NOSUCHCOMMAND"); err == nil {
		t.Error("an unknown command gave no error")
	}
	if got := s.Do("PING"); got != "PONG" {
		t.Errorf("PING after an error reply: %v", got)
	}
}

func TestRedisServersAreSeparate(t *testing.T) {
	a, b := Redis(t), Redis(t)
	if a.Addr() == b.Addr() {
		t.Fatalf("two servers at %s", a.Addr())
	}
	a.Do("SET", "k", "a")
	if got := b.Do("GET", "k"); got != nil {
		t.Errorf("a key of one server is visible on the other: %v", got)
	}
}

func TestRedisRestart(t *testing.T) {
	tests := []struct {
		name string
		opts []RedisOption
		end  func(*RedisServer)
		want any
	}{
		{"stop", nil, (*RedisServer).Stop, nil},
		{"stop with AOF", []RedisOption{AOF()}, (*RedisServer).Stop, "v"},
		{"kill with AOF", []RedisOption{AOF()}, (*RedisServer).Kill, "v"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := Redis(t, tt.opts...)
			addr := s.Addr()
			s.Do("SET", "k", "v")
			tt.end(s)
			if c, err := net.Dial("tcp", addr); err == nil {
				c.Close()
				t.Fatal("the port is still open")
			}
			if _, err := s.Try("PING"); err == nil {
				t.Error("PING succeeded on a stopped server")
			}
			s.Start()
			s.Start() // does nothing while it runs
			if s.Addr() != addr {
				t.Errorf("address %s, before %s", s.Addr(), addr)
			}
			if got := s.Do("GET", "k"); got != tt.want {
				t.Errorf("GET k = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRedisArgs(t *testing.T) {
	s := Redis(t, Args("--maxmemory", "64mb"))
	want := []any{"maxmemory", "67108864"}
	if diff := cmp.Diff(want, s.Do("CONFIG", "GET", "maxmemory")); diff != "" {
		t.Errorf("CONFIG GET maxmemory (-want +got):\n%s", diff)
	}
}

func TestRedisCutClients(t *testing.T) {
	s := Redis(t)
	conns := make([]*servers.Conn, 3)
	for i := range conns {
		c, err := servers.Dial(s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Do("PING"); err != nil {
			t.Fatal(err)
		}
		conns[i] = c
	}
	if _, err := conns[1].Do("SUBSCRIBE", "ch"); err != nil {
		t.Fatal(err)
	}
	blocked := make(chan error, 1)
	go func() {
		_, err := conns[2].Do("XREAD", "BLOCK", "0", "STREAMS", "s", "$")
		blocked <- err
	}()
	Eventually(t, 5*time.Second, "a blocked client", func() bool {
		return strings.Contains(s.Do("INFO", "clients").(string), "\nblocked_clients:1\r")
	})
	if n := s.CutClients(); n != len(conns) {
		t.Errorf("cut %d clients, want %d", n, len(conns))
	}
	if err := <-blocked; err == nil {
		t.Error("the blocked command got a reply")
	}
	for i, c := range conns[:2] {
		if _, err := c.Do("PING"); err == nil {
			t.Errorf("connection %d still answers", i)
		}
	}
	if got := s.Do("PING"); got != "PONG" {
		t.Errorf("the test's own connection was cut as well: %v", got)
	}
}
