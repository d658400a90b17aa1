package live

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"pitwall/engine/internal/origin"
)

// Limits bound what clients may take of the server together. Zero is no limit.
type Limits struct {
	Connections           AddressLimit // that have upgraded, or are about to
	UpgradeRate           float64      // handshakes per second, of all
	UpgradeRatePerAddress AddressLimit // handshakes per second
	Pending               int          // connections that have not upgraded, of all
	PendingPerAddress     AddressLimit // and of one address
	Requests              AddressLimit // requests per second for what is no handshake; see LimitRequests
	AllRequests           float64      // the same of all addresses, beyond a small share of each
	Failures              AddressLimit // credentials per second that are not good; see failures.go
	QueuedBytes           int64        // memory held for all connections together, in bytes; see Server.enforceMemory

	// TrustedProxies may say in X-Forwarded-For whose request they forward.
	TrustedProxies []netip.Prefix
}

// AddressLimit bounds what one IPv4 address or IPv6 /64 may have. Zero is no
// limit.
type AddressLimit struct {
	Most          int
	SpareLoopback bool // loopback addresses have no limit
}

// of is the limit of an address, 0 for none.
func (a AddressLimit) of(k addrKey) int {
	if k == (addrKey{}) || a.SpareLoopback && k.prefix.Addr().IsLoopback() {
		return 0
	}
	return a.Most
}

// burstSeconds is how many seconds' worth of handshakes may come at once, since
// spectators come back together when a server has restarted.
const burstSeconds = 5

// Reasons of refused upgrades, the label of processor_live_refusals_total and
// the first word of the answer.
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

// retryAfter is how long clients that were refused for the moment are told to
// wait, in s.
const retryAfter = "5"

var refusalReasons = []string{
	reasonDraining, reasonHandshake, reasonOrigin, reasonFull, reasonRate, reasonAddress, reasonAddrRate,
	reasonQueued, reasonAccess, reasonPlatform, reasonLink, reasonNoHijack, reasonPending, reasonPendingOf,
	reasonHTTPRate, reasonFailures, reasonTimeout, reasonRequest, reasonHost, reasonProxy,
}

// accessReason names a refusal of Access, "" for status 0, which is none.
func accessReason(status int) string {
	switch status {
	case 0:
		return ""
	case http.StatusUnauthorized:
		return reasonAccess
	case http.StatusTooManyRequests:
		return reasonLink
	case http.StatusServiceUnavailable:
		return reasonPlatform
	}
	return reasonForbidden
}

// limiter counts handshakes, connections and requests by address. Any goroutine
// may use it.
type limiter struct {
	o Limits

	mu       sync.Mutex
	upgrades bucket // of all
	requests bucket // that are no handshakes, of all
	by       map[addrKey]*addrState
	swept    time.Time
}

// addrState is what is known of an address. It is forgotten when it has no
// connection and its buckets are full.
type addrState struct {
	open     int // connections
	upgrades bucket
	requests bucket
	share    bucket // requests that take nothing of what all have together
	failures bucket // credentials that were not good
}

// forgetAfter is longer than any of these takes to fill from its lowest: twice
// the burst of failures.
const forgetAfter = 3 * failureBurstSeconds * time.Second

// lastUsed is when one of them was used last; long ago when none was.
func (a *addrState) lastUsed() time.Time {
	last := int64(math.MinInt64)
	for _, b := range []*bucket{&a.upgrades, &a.requests, &a.share, &a.failures} {
		if b.at != 0 {
			last = max(last, b.at)
		}
	}
	return bucketEpoch.Add(time.Duration(last))
}

// admit counts a handshake and a connection. reason is "" unless it is one
// too many; then no connection is held. Addresses come before the rate of all:
// a client that is refused for its own address takes nothing of the others'.
func (l *limiter) admit(from addrKey, now time.Time) (reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetIdle(now)
	a := l.state(from)
	if r := float64(l.o.UpgradeRatePerAddress.of(from)); r > 0 && !a.upgrades.take(r, burstSeconds*r, now) {
		return reasonAddrRate
	}
	if most := l.o.Connections.of(from); most > 0 && a.open >= most {
		return reasonAddress
	}
	if r := l.o.UpgradeRate; r > 0 && !l.upgrades.take(r, burstSeconds*r, now) {
		return reasonRate
	}
	if from != (addrKey{}) {
		a.open++
	}
	return ""
}

// state returns what is known of an address; of an unknown one nothing is kept. mu
// is held.
func (l *limiter) state(from addrKey) *addrState {
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
	return a
}

// release takes off a connection that admit has counted.
func (l *limiter) release(from addrKey) {
	if from == (addrKey{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.by[from]; a != nil && a.open > 0 {
		a.open--
	}
}

// forgetIdle forgets addresses now and then, so that their number stays bounded. One
// without a connection, for as long as it takes to fill its buckets, is as good as
// new. mu is held.
func (l *limiter) forgetIdle(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for k, a := range l.by {
		if a.open == 0 && now.Sub(a.lastUsed()) > forgetAfter {
			delete(l.by, k)
		}
	}
}

// addrOf returns the key that a request is counted under.
func (srv *Server) addrOf(r *http.Request) addrKey {
	at, known := clientAddr(r, srv.opts.Limits.TrustedProxies)
	if !known {
		return addrKey{}
	}
	return addrKeyOf(at)
}

// NoteProxy logs, once per interval, that a proxy hides whose request this is, so
// that limits of an address count nobody. It is for requests that are served: of
// those that are refused nothing follows. Any goroutine may call it.
func (srv *Server) NoteProxy(r *http.Request) {
	at, known := clientAddr(r, srv.opts.Limits.TrustedProxies)
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

// fromNearby reports whether an address is of this machine or its network, where
// a proxy may be. Any stranger can send the headers of one.
func fromNearby(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() }

// admit counts a handshake in, unless a limit is reached.
func (srv *Server) admit(r *http.Request) (from addrKey, reason string) {
	if srv.overloaded() {
		return addrKey{}, reasonQueued
	}
	if srv.open.Add(1) > int64(srv.opts.MaxConnections) {
		srv.open.Add(-1)
		return addrKey{}, reasonFull
	}
	srv.NoteProxy(r)
	from = srv.addrOf(r)
	if reason = srv.limiter.admit(from, time.Now()); reason != "" {
		srv.open.Add(-1)
	}
	return from, reason
}

func (srv *Server) overloaded() bool {
	return srv.opts.Limits.QueuedBytes > 0 && srv.queued.Load() > srv.opts.Limits.QueuedBytes
}
