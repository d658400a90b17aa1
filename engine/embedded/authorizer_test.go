package embedded

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/redis"
)

// When redis-cli reads commands from its input, it first asks for the table of
// commands (COMMAND DOCS). It stops if it cannot parse the table, but continues if the
// command is refused.
func TestRedisCliReadsItsInput(t *testing.T) {
	host, port, err := net.SplitHostPort(startRedis(t).Addr())
	if err != nil {
		t.Fatal(err)
	}
	cli := exec.CommandContext(t.Context(), "redis-cli", "-h", host, "-p", port)
	cli.Stdin = strings.NewReader("SET a 1\nGET a\n")
	if out, err := cli.CombinedOutput(); err != nil || string(out) != "OK\n1\n" {
		t.Errorf("%v: %q", err, out)
	}
}

// Client libraries first ask for the nodes of a Cluster. The answer is that of a
// single server, so that they keep the configured address.
func TestEmbeddedRedisIsNoCluster(t *testing.T) {
	r := startRedis(t)
	const want = "-ERR This instance has cluster support disabled\r\n"
	for _, c := range [][]string{{"CLUSTER", "SLOTS"}, {"cluster", "shards"}, {"CLUSTER", "NODES"}} {
		if said := say(dial(t, r.Addr()), c); said != want {
			t.Errorf("%q: %q, want %q", c, said, want)
		}
	}
}

// TestOtherScriptsAreRefused sends scripts in every way, with redis-cli and with a
// plain client. An endless script would block the process.
func TestOtherScriptsAreRefused(t *testing.T) {
	r := startRedis(t)
	host, port, err := net.SplitHostPort(r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret.lua")
	if err := os.WriteFile(secret, []byte("return 'canary'"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{
		{"EVAL", "while true do end", "0"},
		{"eval", "return loadfile('" + secret + "')()", "0"},
		{"EVAL_RO", "while true do end", "0"},
		{"EVAL", pitwallScript(t, "'DEL'") + " ", "1", "k", "v"}, // not word for word
		{"SCRIPT", "LOAD", "while true do end"},
		{"script", "load", "while true do end"},
		{"EVALSHA", "cc0f1bb4a4b9d3d4ea3d9ea0ea1e0d0bbbb15ea1", "0"}, // no such script can have been loaded
	} {
		cli := exec.CommandContext(t.Context(), "redis-cli", append([]string{"-h", host, "-p", port}, c...)...)
		out, err := cli.CombinedOutput()
		if err != nil {
			t.Fatalf("redis-cli %q: %v\n%s", c, err, out)
		}
		said := say(dial(t, r.Addr()), c)
		for _, got := range []string{strings.TrimSpace(string(out)), strings.TrimPrefix(said, "-")} {
			if !strings.HasPrefix(got, "ERR") && !strings.HasPrefix(got, "NOSCRIPT") {
				t.Errorf("%q: %q, want a refusal", c, got)
			}
		}
	}
	c := dial(t, r.Addr())
	say(c, words("MULTI"))
	say(c, []string{"EVAL", "while true do end", "0"})
	say(c, words("EXEC"))
	if got := say(c, words("PING")); got != "+PONG\r\n" {
		t.Errorf("PING afterwards: %q", got)
	}
}

// TestOwnScriptsRun sends Pitwall's scripts in every way.
func TestOwnScriptsRun(t *testing.T) {
	c := dial(t, startRedis(t).Addr())
	for _, script := range redis.Scripts() {
		sha := say(c, []string{"SCRIPT", "LOAD", script})
		if !strings.HasPrefix(sha, "$40\r\n") {
			t.Fatalf("SCRIPT LOAD: %q", sha)
		}
		if got := say(c, []string{"EVALSHA", strings.Fields(sha)[1], "0"}); strings.HasPrefix(got, "-NOSCRIPT") {
			t.Errorf("EVALSHA: %q", got)
		}
	}
	drop := pitwallScript(t, "'DEL'")
	say(c, words("SET k v"))
	if got := say(c, []string{"EVAL", drop, "1", "k", "v"}); got != ":1\r\n" {
		t.Errorf("EVAL: %q, want 1", got)
	}
}

// A script that ran a command from its arguments would bypass the list of commands.
func TestOwnScriptsRunNoCommandFromArguments(t *testing.T) {
	c := dial(t, startRedis(t).Addr())
	for _, script := range redis.Scripts() {
		say(c, []string{"EVAL", script, "2", "s", "s", "SADD", "a", "b", "c"})
		if got := say(c, words("TYPE s")); got == "+set\r\n" {
			t.Errorf("this script ran SADD for its caller:\n%s", script)
		}
		say(c, words("DEL s"))
	}
}

// TestLongScriptsAreEnded gives a script no time, so that it is ended at its first
// command, and then plenty of time.
func TestLongScriptsAreEnded(t *testing.T) {
	r := startRedis(t)
	setLimit := func(d time.Duration) {
		g := newAuthorizer(redis.Scripts(), "")
		g.scriptTime = d
		r.server.Server().SetPreHook(newCommandFilter(r.server.Server(), g, MaxStreamLen, MaxStreamBytes).apply)
	}
	script := []string{"EVAL", pitwallScript(t, "for i = 2, #ARGV do redis.call('ZADD'"), "1", "slots", "60000", "a", "b"}
	setLimit(-1)
	if got := say(dial(t, r.Addr()), script); !strings.Contains(got, errLate) {
		t.Errorf("a script with no time: %q, want %q", got, errLate)
	}
	setLimit(time.Hour)
	c := dial(t, r.Addr())
	if got := say(c, script); got != ":1\r\n" {
		t.Errorf("a script with time: %q", got)
	}
	if got := say(c, words("ZCARD slots")); got != ":2\r\n" {
		t.Errorf("%q members, want 2", got)
	}
}

// TestCommandsNotOnTheListAreRefused tries commands that could take all memory in one
// call, and some others.
func TestCommandsNotOnTheListAreRefused(t *testing.T) {
	c := dial(t, startRedis(t).Addr())
	for _, cmd := range []string{
		"SADD s a", "SRANDMEMBER s -2000000000", "SETBIT k 4294967295 1", "HRANDFIELD h -2000000000", "ZRANDMEMBER z -2000000000",
		"SETRANGE k 536870911 x", "SWAPDB 0 1", "BLPOP l 0", "SUBSCRIBE c", "NOSUCH x",
	} {
		if got := say(c, words(cmd)); got != "-"+errCommand+"\r\n" {
			t.Errorf("%s: %q, want %q", cmd, got, errCommand)
		}
	}
	if got := say(c, words("PING")); got != "+PONG\r\n" {
		t.Errorf("PING afterwards: %q", got)
	}
}

// TestPassword checks that a client needs the password for every command, and that the
// commands of a script need no further one.
func TestPassword(t *testing.T) {
	const password = "of sixteen bytes or more"
	r, err := StartRedis(RedisOptions{Addr: "127.0.0.1:0", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []struct {
		name    string
		login   []string
		allowed bool
	}{
		{"no AUTH", words("PING"), false},
		{"wrong password", words("AUTH wrong"), false},
		{"AUTH without a password", words("AUTH"), false},
		{"right password", []string{"AUTH", password}, true},
		{"user and password", []string{"AUTH", "default", password}, true},
		{"HELLO with a wrong password", words("HELLO 3 AUTH default wrong"), false},
		{"HELLO without a password", words("HELLO 3"), false},
		{"HELLO with the password", []string{"HELLO", "2", "auth", "default", password, "SETNAME", "me"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := dial(t, r.Addr())
			if got := say(client, c.login); strings.HasPrefix(got, "-") == c.allowed {
				t.Errorf("login: %q", got)
			}
			for _, cmd := range [][]string{words("XADD s * a b"), words("GET k"), {"EVAL", pitwallScript(t, "'DEL'"), "1", "k", "v"}, words("SCRIPT FLUSH")} {
				got := say(client, cmd)
				if refused := strings.HasPrefix(got, "-"); refused == c.allowed || refused && !strings.HasPrefix(got, "-NOAUTH") {
					t.Errorf("%q: %q", cmd, got)
				}
			}
		})
	}
	// As the engine does it: the password is in the URL.
	client, err := redis.Open(t.Context(), redis.Options{URL: r.URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if held, err := client.TakeLease(t.Context(), "lease", "me", time.Minute); err != nil || !held {
		t.Errorf("a lease with the password in the URL: held %v, %v", held, err)
	}
}

// A client sends large requests and does not read the replies. The other clients are
// served again when its connection has been closed.
func TestClientThatDoesNotReadReplies(t *testing.T) {
	r := startRedis(t)
	c := dial(t, r.Addr())
	value := strings.Repeat("x", 32<<10)
	for range 1000 {
		if got := say(c, []string{"XADD", "s", "*", "a", value}); got[0] != '$' {
			t.Fatalf("XADD: %q", got)
		}
	}
	idle, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	request := []byte("*4\r\n$6\r\nXRANGE\r\n$1\r\ns\r\n$1\r\n-\r\n$1\r\n+\r\n")
	if _, err := idle.Write(bytes.Repeat(request, 10)); err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	if _, err := idle.Read(one); err != nil || one[0] != '*' {
		t.Fatalf("the reply begins with %q, %v", one, err) // from here on the server writes
	}
	if got := say(c, words("XLEN s")); got != ":1000\r\n" {
		t.Errorf("another client: %q, want the length", got)
	}
}
