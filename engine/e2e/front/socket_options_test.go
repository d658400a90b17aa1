package front

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"pitwall/engine/e2e/e2etest"

	"github.com/pires/go-proxyproto"
	"golang.org/x/sys/unix"
)

// spectatorOptions are the options that the socket of every spectator must have, on
// every kind of listener.
var spectatorOptions = []struct {
	name          string
	level, option int
	want          int
}{
	{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 12345}, // the setting
	{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},                 // this and the others by package net
	{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
	{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
}

// TestSocketOptionsOnEveryListener reads the options back from the server's end
// of a connection, for every kind of listener that settings can make.
func TestSocketOptionsOnEveryListener(t *testing.T) {
	dir := t.TempDir()
	roots := certificate(t, dir, 1)
	overTLS := []string{"--tls-cert-file=" + dir + "/tls.crt", "--tls-key-file=" + dir + "/tls.key"}
	overProxy := []string{"--proxy-protocol", "--trusted-proxies=127.0.0.0/8", "--auth-allow-anonymous"}
	for _, c := range []struct {
		name       string
		flags      []string
		proxy, tls bool
	}{
		{name: "plain"},
		{name: "TLS", flags: overTLS, tls: true},
		{name: "PROXY protocol", flags: overProxy, proxy: true},
		{name: "TLS over PROXY protocol", flags: append(overTLS, overProxy...), proxy: true, tls: true},
		{name: "limited and paced", flags: []string{"--http-max-connections=4", "--http-max-connections-per-address=2", "--live-flush-max-ms=1000"}},
		{name: "all of these", flags: append(append(overTLS, overProxy...), "--http-max-connections=4", "--live-flush-max-ms=1000"), proxy: true, tls: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := e2etest.Start(t, append(c.flags, "--live-notsent-lowat=12345")...)
			var header *proxyproto.Header
			if c.proxy {
				header = proxied("192.0.2.1")
			}
			var secure *tls.Config
			if c.tls {
				secure = &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
			}
			status, from := handshake(t, s.HTTP, "127.0.0.1", header, secure)
			if status != http.StatusSwitchingProtocols {
				t.Fatalf("status %d, want an upgrade", status)
			}
			fd := otherEnd(t, from)
			for _, o := range spectatorOptions {
				if got, err := unix.GetsockoptInt(fd, o.level, o.option); err != nil || got != o.want {
					t.Errorf("%s is %d (%v), want %d", o.name, got, err, o.want)
				}
			}
		})
	}
}

// otherEnd is the descriptor of the socket of this process that is connected to
// an address.
func otherEnd(t *testing.T, peer netip.AddrPort) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		at, err := unix.Getpeername(fd)
		if err != nil {
			continue // no socket, or closed since
		}
		if at, ok := at.(*unix.SockaddrInet4); ok && netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port)) == peer {
			return fd
		}
	}
	t.Fatalf("no socket of this process is connected to %v", peer)
	return 0
}
