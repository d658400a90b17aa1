package embedded

import (
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2/proto"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// TestSameAnswers sends the same commands to the embedded Redis and to a real one, and
// compares the replies byte by byte. It covers what the engine uses; TestKnownGaps
// covers the differences.
func TestSameAnswers(t *testing.T) {
	take, drop := pitwallScript(t, "'SET'"), pitwallScript(t, "'DEL'")
	conversations := []struct {
		name     string
		commands [][]string
	}{
		{"add and range", [][]string{
			words("XADD s 1-0 device_id a lat 1.5 lon 2"),
			words("XADD s 1-1 device_id b"),
			words("XADD s MAXLEN = 10 2-0 device_id c"),
			words("XADD s 2-0 device_id late"),
			words("XADD missing NOMKSTREAM * a b"),
			words("EXISTS missing"),
			words("XLEN s"),
			words("XRANGE s - +"),
			words("XRANGE s (1-0 + COUNT 1"),
			words("XREVRANGE s + - COUNT 1"),
			words("XRANGE nothing - +"),
			{"XADD", "s", "3-0", "payload", "{\"a\":\"\r\n\u00e9\x00\"}", "", "empty name"},
			words("XRANGE s 3-0 3-0"),
		}},
		{"trim", [][]string{
			words("XADD s 1-0 a 1"), words("XADD s 2-0 a 2"), words("XADD s 3-0 a 3"),
			words("XTRIM s MAXLEN = 2"),
			words("XRANGE s - +"),
			words("XADD s MAXLEN = 1 4-0 a 4"),
			words("XRANGE s - +"),
		}},
		{"a group at the tail, read without acknowledgement", [][]string{
			words("XADD s 1-0 a 1"),
			words("XGROUP CREATE s live $ MKSTREAM"),
			words("XGROUP CREATE s live $ MKSTREAM"),
			words("XGROUP CREATE other live $"),
			words("XGROUP CREATE other live $ MKSTREAM"),
			words("XLEN other"),
			words("XREADGROUP GROUP live me COUNT 10 BLOCK 20 NOACK STREAMS s >"),
			words("XADD s 2-0 a 2"),
			words("XADD s 3-0 a 3"),
			words("XREADGROUP GROUP live me COUNT 1 BLOCK 1000 NOACK STREAMS s >"),
			words("XREADGROUP GROUP live me COUNT 10 NOACK STREAMS s >"),
			words("XPENDING s live"),
			words("XGROUP DESTROY s live"),
			words("XGROUP DESTROY s live"),
			words("XREADGROUP GROUP live me COUNT 10 NOACK STREAMS s >"),
			words("XGROUP CREATE s live 2-0"),
			words("XREADGROUP GROUP live me COUNT 10 NOACK STREAMS s >"),
		}},
		{"a group from the start, acknowledged", [][]string{
			words("XADD s 1-0 a 1"), words("XADD s 2-0 a 2"), words("XADD s 3-0 a 3"),
			words("XGROUP CREATE s durable 0 MKSTREAM"),
			words("XREADGROUP GROUP durable one COUNT 2 STREAMS s >"),
			words("XREADGROUP GROUP durable two COUNT 2 STREAMS s >"),
			words("XPENDING s durable"),
			words("XREADGROUP GROUP durable one STREAMS s 0"),
			words("XACK s durable 1-0 9-9"),
			words("XPENDING s durable"),
			words("XREADGROUP GROUP durable one STREAMS s 0"),
			words("XAUTOCLAIM s durable two 0 0-0 COUNT 10"),
			words("XPENDING s durable"),
			words("XAUTOCLAIM s durable two 3600000 0-0 COUNT 10"),
			words("XACK s durable 2-0 3-0"),
			words("XPENDING s durable"),
			words("XREADGROUP GROUP durable one STREAMS s 0"),
		}},
		{"a lease", [][]string{
			words("SET lease token NX PX 60000"),
			words("SET lease other NX PX 60000"),
			words("GET lease"),
			{"EVAL", take, "1", "lease", "other", "60000"},
			{"EVAL", take, "1", "lease", "token", "60000"},
			{"EVAL", drop, "1", "lease", "other"},
			{"EVAL", drop, "1", "lease", "token"},
			{"EVAL", drop, "1", "lease", "token"},
			words("GET lease"),
		}},
		{"a hash of few fields", [][]string{
			words("HSET groups live-1 2026-01-02"), words("HSET groups live-1 2026-01-03"),
			words("HGETALL groups"), words("EXISTS groups"),
			words("HDEL groups live-1 live-2"), words("HGETALL groups"), words("EXISTS groups"),
		}},
		{"transaction and wrong type", [][]string{
			words("MULTI"), words("XADD s 1-0 a b"), words("XLEN s"), words("EXEC"),
			words("SET text x"), words("XADD text 1-0 a b"), words("PING"),
		}},
	}
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			real, embedded := dial(t, testenv.Redis(t).Addr()), dial(t, startRedis(t).Addr())
			for _, cmd := range c.commands {
				want, got := say(real, cmd), say(embedded, cmd)
				if got != want {
					t.Errorf("%q\n got %q\nwant %q", cmd, got, want)
				}
			}
		})
	}
}

// TestKnownGaps fails when a gap in the package documentation has been closed, so
// that the documentation stays true.
func TestKnownGaps(t *testing.T) {
	embedded := dial(t, startRedis(t).Addr())
	steps := []struct {
		name, command, contains string
	}{
		{"set up", "XGROUP CREATE s g $ MKSTREAM", "+OK"},
		{"last-generated-id of an empty stream", "XINFO STREAM s", "last-generated-id\r\n$0\r\n"},
		{"no SETID", "XGROUP SETID s g 0", "-ERR 'XGROUP setid' not supported"},
		{"no server section", "INFO server", "-section (server) is not supported"},
		{"no client ids", "CLIENT ID", "-ERR unknown subcommand"},
		{"version", "HELLO 2", "8.4.0"},
		{"no tracking", "CLIENT TRACKING ON", "-ERR unknown subcommand"},
		{"one entry", "XADD s 1-0 a b", "1-0"},
		{"read without acknowledgement", "XREADGROUP GROUP g me NOACK STREAMS s >", "1-0"},
		{"counted as pending in spite of NOACK", "XINFO CONSUMERS s g", "pending\r\n:1\r\n"},
		{"lag is the length", "XINFO GROUPS s", "lag\r\n:1\r\n"},
		{"another", "XADD s 2-0 a b", "2-0"},
		{"read, not acknowledged", "XREADGROUP GROUP g me STREAMS s >", "2-0"},
		{"trimmed away", "XTRIM s MAXLEN 0", ":2"},
		{"not in the summary", "XPENDING s g", "*4\r\n:0\r\n"},
		{"not among the own pending entries", "XREADGROUP GROUP g me STREAMS s 0", "*2\r\n$1\r\ns\r\n*0\r\n"},
		{"not reported by XAUTOCLAIM", "XAUTOCLAIM s g other 0 0", "*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n"},
	}
	for _, s := range steps {
		if got := say(embedded, words(s.command)); !strings.Contains(got, s.contains) {
			t.Errorf("%s: %s\n got %q\nwant %q in it", s.name, s.command, got, s.contains)
		}
	}
}

// pitwallScript returns the script of Pitwall that contains word.
func pitwallScript(t *testing.T, word string) string {
	t.Helper()
	for _, s := range redis.Scripts() {
		if strings.Contains(s, word) {
			return s
		}
	}
	t.Fatalf("no script contains %s", word)
	return ""
}

func words(s string) []string { return strings.Fields(s) }

func startRedis(t *testing.T) *Redis {
	t.Helper()
	r, err := StartRedis(RedisOptions{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func dial(t *testing.T, addr string) *proto.Client {
	t.Helper()
	c, err := proto.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// say sends a command and returns the raw reply. Of a NOGROUP error only that word is
// returned: the texts differ.
func say(c *proto.Client, cmd []string) string {
	reply, err := c.Do(cmd...)
	if err != nil {
		return "connection: " + err.Error()
	}
	if code, _, _ := strings.Cut(reply, " "); code == "-NOGROUP" {
		return code
	}
	return reply
}
