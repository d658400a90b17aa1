package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"pitwall/engine/admin/monitor"
)

// ports looks whether the listeners of serve could open. The ports of a process that
// runs with these settings are taken by that process, which is right.
func (e *examination) ports(ctx context.Context) {
	type listener struct{ setting, addr string }
	list := []listener{{"OPS_ADDR", e.cfg.OpsAddr}}
	if e.cfg.LiveEnabled {
		list = append(list, listener{"HTTP_ADDR", e.cfg.HTTPAddr})
	}
	if e.cfg.RedisURL == "" {
		list = append(list, listener{"EMBEDDED_REDIS_ADDR", e.cfg.EmbeddedRedisAddr})
	}
	for _, l := range list {
		socket, err := new(net.ListenConfig).Listen(ctx, "tcp", l.addr)
		switch {
		case err == nil:
			socket.Close()
			e.ok("port of "+l.setting, "%s is free", l.addr)
		case inUse(err) && monitor.Answers(ctx, e.cfg.OpsAddr):
			e.ok("port of "+l.setting, "%s is in use, and a process of Pitwall answers at OPS_ADDR", l.addr)
		case inUse(err):
			e.fail("port of "+l.setting, "end the other process ("+listListeners+" shows it), or choose another port", "another process has %s", l.addr)
		case errors.Is(err, fs.ErrPermission):
			e.fail("port of "+l.setting, "choose a port from 1024 up, or give the binary the right (AmbientCapabilities=CAP_NET_BIND_SERVICE)", "this user may not open %s", l.addr)
		default:
			e.fail("port of "+l.setting, "change the address to one of this machine", "%v", err)
		}
	}
}

// spareFiles is how many files a process needs besides its spectators' connections.
const spareFiles = 500

// files compares the limit of open files with the connections that are allowed.
func (e *examination) files() {
	if !e.cfg.LiveEnabled {
		return
	}
	limit, known := openFiles()
	if !known {
		return
	}
	e.judgeFiles(limit)
}

func (e *examination) judgeFiles(limit uint64) {
	need := uint64(e.cfg.MaxConnections + spareFiles)
	if limit >= need {
		e.ok("open files", "the limit is %d, for up to %d connections", limit, e.cfg.MaxConnections)
		return
	}
	e.warn("open files", "raise the limit to "+strconv.FormatUint(need, 10)+" (LimitNOFILE= of systemd, ulimit -Hn), or lower LIVE_MAX_CONNECTIONS",
		"this process may open %d files, LIVE_MAX_CONNECTIONS allows %d connections", limit, e.cfg.MaxConnections)
}

// leastBacklog is how many connections the kernel should keep that wait to be accepted.
// A crowd comes within a second.
const leastBacklog = 1024

// backlog looks at net.core.somaxconn, on Linux.
func (e *examination) backlog() {
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	n, wrong := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || wrong != nil || !e.cfg.LiveEnabled {
		return
	}
	e.judgeBacklog(n)
}

func (e *examination) judgeBacklog(n int) {
	if n >= leastBacklog {
		e.ok("kernel backlog", "net.core.somaxconn is %d", n)
		return
	}
	e.warn("kernel backlog", "sysctl -w net.core.somaxconn=4096, and the same in /etc/sysctl.d",
		"net.core.somaxconn is %d: when many spectators come at the same moment, some connect only after a second or more", n)
}

// expiresSoon is how long before its end a certificate is reported.
const expiresSoon = 14 * 24 * time.Hour

// certificate looks at TLS_CERT_FILE and TLS_KEY_FILE.
func (e *examination) certificate(now time.Time) {
	const check = "TLS certificate"
	cert, key := e.cfg.TLSCertFile, e.cfg.TLSKeyFile
	if cert == "" || key == "" {
		return // settings reports one without the other
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if _, unreadable := errors.AsType[*fs.PathError](err); unreadable {
		e.fail(check, "correct TLS_CERT_FILE or TLS_KEY_FILE, or the rights of the file", "%v", err)
		return
	}
	if err != nil {
		e.fail(check, "give the key that belongs to the first certificate of the chain, both in PEM", "%s and %s do not go together: %v", cert, key, err)
		return
	}
	leaf := pair.Leaf
	switch {
	case now.After(leaf.NotAfter):
		e.fail(check, "renew the certificate; a running process reads the new files by itself", "it expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		e.fail(check, "check the clock of this machine, or wait", "it is valid only from %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	case leaf.NotAfter.Sub(now) < expiresSoon:
		e.warn(check, "renew the certificate; a running process reads the new files by itself", "it expires at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	default:
		e.ok(check, "it is for %s, until %s", strings.Join(leaf.DNSNames, ", "), leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if info, err := os.Stat(key); err == nil && everybodyReads(info) {
		e.warn(check, "chmod o= "+key, "every user of this machine can read the key %s", key)
	}
}
