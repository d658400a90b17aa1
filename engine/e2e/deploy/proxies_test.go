package deploy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/servers"
	"pitwall/engine/internal/testenv"
)

// proxy is a proxy that serves with the configuration that is shipped for it.
type proxy struct {
	t           *testing.T
	addr, plain string // of TLS and of plain HTTP
	roots       *x509.CertPool
}

// client is an HTTP client at one of the loopback addresses.
func (p *proxy) client(from string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return &http.Client{
		Timeout:       e2etest.Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: p.roots},
		},
	}
}

// get returns the status of a page, 0 without an answer.
func (p *proxy) get(url string) (status int, header http.Header) {
	res, err := p.client("127.0.0.1").Get(url)
	if err != nil {
		return 0, nil
	}
	res.Body.Close()
	return res.StatusCode, res.Header
}

// connect makes a handshake from an address, with an X-Forwarded-For of the client's own
// if it is not "".
func (p *proxy) connect(from, forged string) (conn *websocket.Conn, status int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), e2etest.Patience)
	defer cancel()
	o := &websocket.DialOptions{HTTPClient: p.client(from), HTTPHeader: http.Header{}}
	if forged != "" {
		o.HTTPHeader.Set("X-Forwarded-For", forged)
	}
	conn, res, err := websocket.Dial(ctx, "wss://"+p.addr+"/live", o)
	if res == nil {
		p.t.Fatalf("no answer to the handshake of %s: %v", from, err)
	}
	if err == nil {
		conn.SetReadLimit(1 << 20)
		p.t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, res.StatusCode
}

// watch subscribes to the simulated event and waits for positions of the live flow.
func (p *proxy) watch(conn *websocket.Conn) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), e2etest.Patience)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"type":"subscribe","id":"1","topic":"event:demo"}`)); err != nil {
		p.t.Fatal(err)
	}
	for live := 0; live < 3; {
		_, text, err := conn.Read(ctx)
		if err != nil {
			p.t.Fatalf("after %d live frames: %v", live, err)
		}
		var f e2etest.FrameFields
		if err := json.Unmarshal(text, &f); err != nil {
			p.t.Fatal(err)
		}
		if f.Type == "position" || f.Type == "positions" {
			live++
		}
	}
}

// ports are those that a configuration is given.
type ports struct{ tls, plain int }

func (p ports) tlsAddr() string   { return "127.0.0.1:" + strconv.Itoa(p.tls) }
func (p ports) plainAddr() string { return "127.0.0.1:" + strconv.Itoa(p.plain) }

// The proxies. Each returns its command for a folder with the certificate. The pairs are
// addresses and paths.
var proxies = []struct {
	name  string
	start func(t *testing.T, dir string, at ports, engine e2etest.Addrs) *exec.Cmd
}{
	{"nginx", func(t *testing.T, dir string, at ports, engine e2etest.Addrs) *exec.Cmd {
		conf := adapted(t, "nginx.conf", "listen 80 ", "listen "+at.plainAddr()+" ", "listen 443 ", "listen "+at.tlsAddr()+" ",
			"/run/nginx.pid", dir+"/nginx.pid", "/var/log/nginx/error.log", dir+"/error.log", "/etc/ssl/pitwall", dir, "127.0.0.1:8080", engine.HTTP)
		return exec.Command(program("nginx"), "-p", dir, "-e", "stderr", "-c", write(t, filepath.Join(dir, "nginx.conf"), conf), "-g", "daemon off;")
	}},
	{"haproxy", func(t *testing.T, dir string, at ports, engine e2etest.Addrs) *exec.Cmd {
		_, ops, _ := net.SplitHostPort(engine.Ops)
		conf := adapted(t, "haproxy.cfg", "bind :80\n", "bind "+at.plainAddr()+"\n", "bind :443 ", "bind "+at.tlsAddr()+" ",
			"/etc/ssl/pitwall", dir, "127.0.0.1:8080", engine.HTTP, "port 9090", "port "+ops)
		if os.Geteuid() != 0 { // only root may become another user
			conf = strings.ReplaceAll(conf, "    user haproxy\n    group haproxy\n", "")
		}
		return exec.Command(program("haproxy"), "-W", "-db", "-f", write(t, filepath.Join(dir, "haproxy.cfg"), conf))
	}},
	{"caddy", func(t *testing.T, dir string, at ports, engine e2etest.Addrs) *exec.Cmd {
		_, ops, _ := net.SplitHostPort(engine.Ops)
		// Options of the test: another port for the redirects, no port for commands, no
		// changes to the machine's list of authorities.
		conf := adapted(t, "Caddyfile", "\tgrace_period 10s\n", "\tgrace_period 10s\n\tadmin off\n\tskip_install_trust\n\thttp_port "+strconv.Itoa(at.plain)+"\n",
			"live.example.com {", "https://"+at.tlsAddr()+" {\n\ttls "+dir+"/fullchain.pem "+dir+"/privkey.pem",
			"127.0.0.1:8080", engine.HTTP, "health_port 9090", "health_port "+ops)
		cmd := exec.Command("caddy", "run", "--adapter", "caddyfile", "--config", write(t, filepath.Join(dir, "Caddyfile"), conf))
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
		return cmd
	}},
}

// program finds a program that Debian has in sbin, which is not in everybody's PATH.
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return "/usr/sbin/" + name
}

// startProxy starts a proxy on free ports.
func startProxy(t *testing.T, start func(t *testing.T, dir string, at ports, engine e2etest.Addrs) *exec.Cmd, engine e2etest.Addrs) *proxy {
	t.Helper()
	ca := newAuthority(t)
	p := &proxy{t: t, roots: x509.NewCertPool()}
	p.roots.AppendCertsFromPEM([]byte(ca.pem))
	err := servers.OnFreePort(func(plain int) error {
		return servers.OnFreePort(func(secure int) error {
			dir := t.TempDir()
			ca.write(t, dir)
			at := ports{tls: secure, plain: plain}
			p.addr, p.plain = at.tlsAddr(), at.plainAddr()
			cmd := start(t, dir, at, engine)
			cmd.Dir = dir
			proc, err := servers.StartProcess(cmd, filepath.Join(dir, "output"), syscall.SIGTERM)
			if err != nil {
				return fmt.Errorf("%w: run 'make test', or .ci/deps", err)
			}
			t.Cleanup(func() {
				if err := proc.End(syscall.SIGTERM); err != nil {
					t.Error(err)
				}
				if t.Failed() {
					t.Log(proc.Output())
				}
			})
			return proc.WaitReady(servers.ReadyWithin, func() bool {
				status, _ := p.get("https://" + p.addr + "/")
				return status == http.StatusOK
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestProxies: a spectator behind each proxy gets positions, and the limits count the
// addresses of the clients, not that of the proxy.
func TestProxies(t *testing.T) {
	flags := []string{"--simulate=20", "--trusted-proxies=127.0.0.1", "--auth-allow-anonymous", "--live-max-connections-per-address=1"}
	for _, c := range proxies {
		t.Run(c.name, func(t *testing.T) {
			e := e2etest.Start(t, flags...)
			p := startProxy(t, c.start, e.Addrs)
			status, header := p.get("http://" + p.plain + "/some?page=1")
			if status != http.StatusPermanentRedirect || !strings.HasPrefix(header.Get("Location"), "https://") {
				t.Errorf("plain HTTP: %d to %q, want a redirect to https", status, header.Get("Location"))
			}

			first, status := p.connect("127.0.0.2", "")
			if status != http.StatusSwitchingProtocols {
				t.Fatalf("the first client: %d", status)
			}
			p.watch(first)
			second, status := p.connect("127.0.0.3", "")
			if status != http.StatusSwitchingProtocols {
				t.Fatalf("a client of another address: %d", status)
			}
			p.watch(second)
			// The answer is delayed for longer than it takes the checks of the proxies to
			// find an instance that is not ready.
			if _, status := p.connect("127.0.0.2", "192.0.2.9"); status != http.StatusTooManyRequests {
				t.Errorf("a second connection of an address, with a forged X-Forwarded-For: %d, want 429", status)
			}
			if status, _ := p.get("https://" + p.addr + "/"); status != http.StatusOK {
				t.Errorf("the page, after the checks: %d", status)
			}
			if n := e.Metric(t, "processor_live_connections"); n != 2 {
				t.Errorf("%d connections, want 2", n)
			}

			// The engine ends: the spectators are told, and the proxy answers by itself.
			if err := e.Stop(); err != nil {
				t.Fatal(err)
			}
			for _, conn := range []*websocket.Conn{first, second} {
				if code := closeCode(t, conn); code != websocket.StatusGoingAway {
					t.Errorf("closed with %d, want 1001", code)
				}
			}
			testenv.Eventually(t, e2etest.Patience, "an answer of the proxy itself", func() bool {
				status, _ := p.get("https://" + p.addr + "/")
				return status == http.StatusBadGateway || status == http.StatusServiceUnavailable
			})
		})
	}
}

// A quiet spectator hears a ping every heartbeat, and is given up after two. The time-outs
// of the proxies are longer. Caddy has none after the upgrade.
func TestProxiesWaitForTheHeartbeat(t *testing.T) {
	heartbeat := time.Duration(e2etest.MustSettings(t).HeartbeatMS) * time.Millisecond
	for _, c := range []struct{ file, pattern string }{
		{"nginx.conf", `(?m)^ +proxy_read_timeout (\d+s);$`},
		{"nginx.conf", `(?m)^ +proxy_send_timeout (\d+s);$`},
		{"haproxy.cfg", `(?m)^ +timeout tunnel (\d+s)$`},
	} {
		m := regexp.MustCompile(c.pattern).FindStringSubmatch(shipped(t, c.file))
		if m == nil {
			t.Errorf("%s has no %s", c.file, c.pattern)
			continue
		}
		if d, err := time.ParseDuration(m[1]); err != nil || d < 3*heartbeat {
			t.Errorf("%s: %s is less than three heartbeats of %v", c.file, m[0], heartbeat)
		}
	}
	if strings.Contains(shipped(t, "Caddyfile"), "stream_timeout") {
		t.Error("Caddy has a time-out after the upgrade")
	}
}

// closeCode reads to the end of a connection.
func closeCode(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), e2etest.Patience)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}
