package redis

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"pitwall/engine/internal/testenv"
)

func TestClientOptions(t *testing.T) {
	tests := []struct {
		name, url  string
		addr       string
		user, pass string
		db         int
		tls        bool
	}{
		{"host and port", "redis://example.org:7000", "example.org:7000", "", "", 0, false},
		{"port left out", "redis://example.org", "example.org:6379", "", "", 0, false},
		{"IPv6", "redis://[::1]:7000", "[::1]:7000", "", "", 0, false},
		{"password and db", "redis://:p%40ss@h:1/3", "h:1", "", "p@ss", 3, false},
		{"user", "redis://u:p@h:1?db=4", "h:1", "u", "p", 4, false},
		{"TLS", "rediss://u:p@h:1/0", "h:1", "u", "p", 0, true},
		{"Valkey", "valkey://h:1", "h:1", "", "", 0, false},
		{"socket", "unix://u:p@/run/redis.sock?db=2", "/run/redis.sock", "u", "p", 2, false},
		{"protocol 2 requested", "redis://h:1?protocol=2", "h:1", "", "", 0, false},
		{"parameters without effect", "redis://h:1?client_cache=0&max_retries=0&protocol=3", "h:1", "", "", 0, false},
		{"the same database twice", "redis://h:1/4?db=4", "h:1", "", "", 4, false},
		{"several nodes", "redis://h:1?addr=i:2&addr=j:3", "h:1", "", "", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := clientOptions(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if o.InitAddress[0] != tt.addr || o.Username != tt.user || o.Password != tt.pass || o.SelectDB != tt.db {
				t.Errorf("%s: got %s user %q password %q db %d", tt.url, o.InitAddress[0], o.Username, o.Password, o.SelectDB)
			}
			if (o.TLSConfig != nil) != tt.tls || o.AlwaysRESP2 {
				t.Errorf("%s: TLS %v, RESP2 %v", tt.url, o.TLSConfig != nil, o.AlwaysRESP2)
			}
		})
	}
}

// Parameters that would be ignored silently are refused, and the error says what is
// allowed.
func TestClientOptionsRefuseUnknownParameters(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{"dial_timout=3s", `"dial_timout"`},
		{"Master_Set=x", `"Master_Set"`},
		{"db=0&sentinel=x", `"sentinel"`},
		{"dial_timeout=3", "dial_timeout"},
		{"write_timeout=-1s", "write_timeout"},
		{"db=-1", "db"},
		{"db=1&db=2", "db"},
		{"master_set=", "master_set"},
		{"addr=", "addr"},
		{"client_name=a%20b", "client_name"},
		{"skip_verify=true", "skip_verify"},
		{"protocol=4", "protocol"},
		{"sentinel_password=x", "master_set"},
		{"db=1;addr=x", "redis://"}, // which the parser of the standard library drops
		{"db=%zz", "redis://"},
	} {
		_, err := clientOptions("redis://h:1?" + tt.query)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s named", tt.query, err, tt.want)
		}
		if unknown := err != nil && strings.Contains(err.Error(), "unknown"); unknown {
			for name := range parameters {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("%s: %v, want %s listed", tt.query, err, name)
				}
			}
		}
	}
	for _, u := range []string{"redis://h:1/1?db=2", "unix:///run/s.sock?master_set=x", "unix:///run/s.sock?addr=h:1", "unix://run/s.sock"} {
		if _, err := clientOptions(u); err == nil {
			t.Errorf("%s is accepted", u)
		}
	}
}

func TestClientOptionsForSentinel(t *testing.T) {
	o, err := clientOptions("rediss://u:p@h:1/2?addr=i:2&master_set=race&sentinel_user=s&sentinel_password=%40&dial_timeout=1s")
	if err != nil {
		t.Fatal(err)
	}
	s := o.Sentinel
	if s.MasterSet != "race" || s.Username != "s" || s.Password != "@" || s.TLSConfig == nil || s.Dialer.Timeout != time.Second || s.TopologyRefreshInterval == 0 {
		t.Errorf("for the Sentinels: %+v", s)
	}
	if o.Username != "u" || o.Password != "p" || o.SelectDB != 2 || len(o.InitAddress) != 2 {
		t.Errorf("for the master: %+v", o)
	}
}

// Each URL contains the password "sesame", or a piece of it in a place that the
// parser would quote.
func TestErrorsHidePasswords(t *testing.T) {
	s := testenv.Redis(t)
	s.Do("CONFIG", "SET", "requirepass", "other")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, tt := range []struct{ name, url string }{
		{"no URL", "redis\x00://:sesame@h"},
		{"other scheme", "http://:sesame@h"},
		{"hash in the password", "redis://:p#sesame@h:1"},
		{"hash after the start of the password", "redis://:sesame#x@h:1"},
		{"slash in the password", "redis://u:12/sesame@h:1"},
		{"password alone, with a question mark", "redis://sesame?x@h:1"},
		{"password alone, with a slash", "redis://sesame/x@h:1"},
		{"password alone, with a hash", "redis://sesame#x@h:1"},
		{"percent in the password", "redis://u:sesame%zz@h:1"},
		{"bad db", "redis://u:sesame@h:1/sesame"},
		{"bad option", "redis://u:sesame@h:1?dial_timeout=sesame"},
		{"TLS option without TLS", "redis://u:sesame@h:1?skip_verify=sesame"},
		{"nobody listens", "redis://u:sesame@" + closed.Addr().String()},
		{"no such host", "redis://u:sesame@nosuch.invalid:1"},
		{"no socket", "unix://u:sesame@" + filepath.Join(t.TempDir(), "none.sock")},
		{"wrong password", "redis://:sesame@" + s.Addr()},
		{"wrong user", "redis://u:sesame@" + s.Addr()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log strings.Builder
			c, err := Open(t.Context(), Options{URL: tt.url, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err == nil {
				c.Close()
				t.Fatal("opened")
			}
			if all := err.Error() + log.String(); strings.Contains(all, "sesame") || !strings.Contains(all, "REDIS_URL") {
				t.Errorf("%s", all)
			}
		})
	}
}

func TestOpenLogsInAndSelects(t *testing.T) {
	s := testenv.Redis(t)
	const password = "se same/#@:?"
	s.Do("CONFIG", "SET", "requirepass", password)
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: s.Addr(), Path: "/5"}
	var log strings.Builder
	c, err := Open(t.Context(), Options{URL: u.String(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	must(c.Add(t.Context(), "s", 0, "a", "1"))(t)
	raw(t, c, "SELECT", "5")
	if n := must(c.Length(t.Context(), "s"))(t); n != 1 {
		t.Errorf("length %d in database 5, want 1", n)
	}
	if got := log.String(); strings.Contains(got, "same") || !strings.Contains(got, "server=\"redis 7.") {
		t.Errorf("log: %s", got)
	}
}

func TestOpenRefusesOldServers(t *testing.T) {
	for _, tt := range []struct {
		name, version string
		ok            bool
	}{
		{"Redis 6", "6.2.14", false},
		{"Redis 7.0", "7.0.0", true},
		{"Redis 8", "8.2.1", true},
		{"Valkey", "8.1.0", true},
		{"nonsense", "next", false},
		{"no version", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, err := server.NewServer("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			srv.Register("HELLO", func(p *server.Peer, _ string, _ []string) {
				p.Resp3 = true
				p.WriteMapLen(3)
				for _, s := range []string{"server", "redis", "version", tt.version, "proto"} {
					p.WriteBulk(s)
				}
				p.WriteInt(3)
			})
			srv.Register("CLIENT", func(p *server.Peer, _ string, _ []string) { p.WriteOK() })
			c, err := Open(t.Context(), Options{URL: "redis://" + srv.Addr().String(), Logger: slog.New(slog.DiscardHandler)})
			if err == nil {
				c.Close()
			}
			if (err == nil) != tt.ok {
				t.Errorf("version %q: %v", tt.version, err)
			}
		})
	}
}

func TestPingTimeAndRunID(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, on target) {
		ctx := t.Context()
		if err := c.Ping(ctx, "s"); err != nil {
			t.Error(err)
		}
		if d := time.Since(must(c.Time(ctx, "s"))(t)).Abs(); d > time.Minute {
			t.Errorf("the server's time differs by %v", d)
		}
		if id := must(c.RunID(ctx))(t); (len(id) == 40) != on.real || (id == embeddedServer) == on.real {
			t.Errorf("run id %q", id)
		}
	})
}

func TestClientReconnectsAfterARestart(t *testing.T) {
	s := testenv.Redis(t)
	c := open(t, s.URL())
	before := must(c.RunID(t.Context()))(t)
	s.Kill()
	if err := c.Ping(t.Context()); !IsConnection(err) {
		t.Errorf("ping of a stopped server: %v", err)
	}
	s.Start()
	testenv.Eventually(t, 10*time.Second, "ping after the restart", func() bool { return c.Ping(t.Context()) == nil })
	if after := must(c.RunID(t.Context()))(t); after == before {
		t.Error("the run id is the same after a restart")
	}
}

func TestCommandsEndWithTheirContext(t *testing.T) {
	s := testenv.Redis(t)
	p := testenv.Proxy(t, s.Addr())
	c := open(t, "redis://"+p.Addr())
	p.Stall()
	defer p.Resume()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := c.Ping(ctx); err == nil || IsConnection(err) {
		t.Errorf("got %v, want the end of the context", err)
	}
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("returned after %v", d)
	}
}

func TestClosedClientFails(t *testing.T) {
	c, err := Open(t.Context(), Options{URL: "redis://" + miniredis.RunT(t).Addr(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r := c.NewReader(readAll)
	c.Close()
	if err := c.Ping(t.Context()); err == nil {
		t.Error("a closed client answered")
	}
	if _, err := r.Read(t.Context(), nil); err == nil {
		t.Error("a reader of a closed client read")
	}
	r.Close()
}
