package live

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"pitwall/engine/internal/origin"
)

// Limits bound what all clients, and those of one address, may take of the server. Zero
// is no limit.
type Limits struct {
	Connections           AddressLimit // that have upgraded, or are about to
	UpgradeRate           float64      // handshakes per second, of all addresses
	UpgradeRatePerAddress AddressLimit // handshakes per second
	Pending               int          // connections that have not upgraded, of all addresses
	PendingPerAddress     AddressLimit // connections that have not upgraded
	Requests              AddressLimit // requests per second that are not handshakes; see LimitRequests
	AllRequests           float64      // the same of all addresses together, not counting a small share of each
	Failures              AddressLimit // bad credentials per second; see failures.go
	QueuedBytes           int64        // memory held for all connections together, in bytes; see Server.enforceMemory
}

// AddressLimit is a limit for each IPv4 address or IPv6 /64. Zero is no limit.
type AddressLimit struct {
	Most          int
	SpareLoopback bool // loopback addresses have no limit
}

// of is the limit for an address, 0 for none.
func (a AddressLimit) of(k addrKey) int {
	if k == (addrKey{}) || a.SpareLoopback && k.prefix.Addr().IsLoopback() {
		return 0
	}
	return a.Most
}

// burstSeconds is how many seconds' worth of handshakes may come at once, since
// spectators come back together when a server has restarted.
const burstSeconds = 5

// Reasons of refusals: the label of processor_live_refusals_total, and the first word of
// the answer.
const (
	reasonDraining  = "draining"
	reasonHandshake = "bad_handshake"
	reasonOrigin    = "origin"
	reasonFull      = "connections"
	reasonRate      = "upgrade_rate"
	reasonAddress   = "connections_per_address"
	reasonAddrRate  = "upgrade_rate_per_address"
	reasonQueued    = "queued_bytes"
	reasonAccess    = "unauthorized"
	reasonPlatform  = "access_unavailable"
	reasonLink      = "link_connections"
	reasonNoHijack  = "internal"
	reasonForbidden = "forbidden"
	reasonPending   = "http_connections"
	reasonPendingOf = "http_connections_per_address"
	reasonHTTPRate  = "http_rate_per_address"
	reasonFailures  = "auth_failures_per_address"
	reasonTimeout   = "http_timeout"
	reasonRequest   = "http_request"
	reasonHost      = "host"
	reasonProxy     = "proxy"
)

// retryAfter is the value of Retry-After, in seconds.
const retryAfter = "5"

var refusalReasons = []string{
	reasonDraining, reasonHandshake, reasonOrigin, reasonFull, reasonRate, reasonAddress, reasonAddrRate,
	reasonQueued, reasonAccess, reasonPlatform, reasonLink, reasonNoHijack, reasonPending, reasonPendingOf,
	reasonHTTPRate, reasonFailures, reasonTimeout, reasonRequest, reasonHost, reasonProxy,
}

// accessReason is the reason of a refusal by Access, by its status; "" for 0, which is
// no refusal.
func accessReason(status int) string {
	if reason, ok := accessReasons[status]; ok {
		return reason
	}
	return reasonForbidden
}

var accessReasons = map[int]string{
	0:                             "",
	http.StatusUnauthorized:       reasonAccess,
	http.StatusTooManyRequests:    reasonLink,
	http.StatusServiceUnavailable: reasonPlatform,
}

// limiter counts handshakes, connections and requests by address. Its methods are given
// the limits in force, which may change. Any goroutine may use it.
type limiter struct {
	mu       sync.Mutex // guards all
	upgrades bucket     // of all addresses
	requests bucket     // of all addresses, for requests that are not handshakes
	by       map[addrKey]*addrState
	swept    time.Time // when forgetIdle last looked
}

// addrState is what is known of an address.
type addrState struct {
	used     time.Time
	open     int // connections
	upgrades bucket
	requests bucket
	share    bucket // requests that do not count for Limits.AllRequests
	failures bucket // bad credentials
}

// forgetAfter is longer than any of these buckets takes to fill: twice the burst of
// failures.
const forgetAfter = 3 * failureBurstSeconds * time.Second

// admit counts a handshake and a connection. reason is "" unless that exceeds a limit;
// then no connection is counted. The limits of the address come before the rate of all:
// a client that is refused for its own address takes nothing from others.
func (l *limiter) admit(o *Limits, from addrKey, now time.Time) (reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.state(from, now)
	if r := float64(o.UpgradeRatePerAddress.of(from)); r > 0 && !a.upgrades.take(r, burstSeconds*r, now) {
		return reasonAddrRate
	}
	if limit := o.Connections.of(from); limit > 0 && a.open >= limit {
		return reasonAddress
	}
	if r := o.UpgradeRate; r > 0 && !l.upgrades.take(r, burstSeconds*r, now) {
		return reasonRate
	}
	a.open++
	return ""
}

// state returns what is known of an address, to be used now. For an unknown address it
// is not kept. mu is held.
func (l *limiter) state(from addrKey, now time.Time) *addrState {
	l.forgetIdle(now)
	a := l.by[from]
	if a == nil {
		a = &addrState{}
		if l.by == nil {
			l.by = map[addrKey]*addrState{}
		}
		if from != (addrKey{}) {
			l.by[from] = a
		}
	}
	a.used = now
	return a
}

// release uncounts a connection that admit has counted.
func (l *limiter) release(from addrKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.by[from]; a != nil && a.open > 0 {
		a.open--
	}
}

// forgetIdle forgets the addresses without a connection whose buckets are full again,
// once per second, so that their number stays bounded. mu is held.
func (l *limiter) forgetIdle(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for k, a := range l.by {
		if a.open == 0 && now.Sub(a.used) > forgetAfter {
			delete(l.by, k)
		}
	}
}

// addrOf returns the key that a request is counted under.
func (srv *Server) addrOf(r *http.Request) addrKey {
	at, _ := clientAddr(r, srv.opts.TrustedProxies)
	return addrKeyOf(at)
}

// NoteProxy logs, once per interval, if a proxy hides the client of a request, so that
// the limits of an address cannot work. Call it only for requests that are served:
// strangers could fill the log with others. Any goroutine may call it.
func (srv *Server) NoteProxy(r *http.Request) {
	at, known := clientAddr(r, srv.opts.TrustedProxies)
	if !known {
		srv.unnamedClients.warn("a trusted proxy names no client; its requests are not limited by address", errNoClient)
		return
	}
	if fromNearby(at) && !srv.trusted(r) && origin.Forwarded(r) {
		srv.unknownProxies.warn("requests come through a proxy that is not in TRUSTED_PROXIES; limits of an address cannot tell its clients apart",
			fmt.Errorf("%s has sent the marks of a proxy", at))
	}
}

var errNoClient = errors.New("X-Forwarded-For is missing, no list of addresses, or names trusted proxies only (TRUSTED_PROXIES)")

// fromNearby reports whether an address belongs to this machine or its network, where a
// proxy may be. From elsewhere, anybody can send the headers of a proxy.
func fromNearby(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() }

// admit counts a handshake and its connection, unless a limit is reached. releaseClient
// undoes it.
func (srv *Server) admit(r *http.Request) (from addrKey, reason string) {
	if srv.overloaded() {
		return addrKey{}, reasonQueued
	}
	if srv.open.Add(1) > int64(srv.bounds.Load().MaxConnections) {
		srv.open.Add(-1)
		return addrKey{}, reasonFull
	}
	srv.NoteProxy(r)
	from = srv.addrOf(r)
	if reason = srv.limiter.admit(srv.limits(), from, time.Now()); reason != "" {
		srv.open.Add(-1)
	}
	return from, reason
}

func (srv *Server) overloaded() bool {
	most := srv.limits().QueuedBytes
	return most > 0 && srv.queued.Load() > most
}
