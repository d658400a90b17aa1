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
	Requests              AddressLimit // requests per second for what is no handshake; see Limited
	AllRequests           float64      // the same of all addresses, beyond a small share of each
	Failures              AddressLimit // credentials per second that are not good; see failures.go
	QueuedBytes           int64        // memory held for all connections together, in bytes; see Server.weigh

	// TrustedProxies may say in X-Forwarded-For whom they speak for.
	TrustedProxies []netip.Prefix
}

// AddressLimit bounds what one IPv4 address or IPv6 /64 may have. Zero is no
// limit.
type AddressLimit struct {
	Most          int
	SpareLoopback bool // loopback addresses have no limit
}

// of is the limit of a client, 0 for none.
func (a AddressLimit) of(c client) int {
	if c == (client{}) || a.SpareLoopback && c.prefix.Addr().IsLoopback() {
		return 0
	}
	return a.Most
}

// burstSeconds is how many seconds' worth of handshakes or requests may come at
// once: spectators come back together when a server has restarted.
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

// retryAfter is what clients that were refused for now are told to wait, in s.
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

// limiter counts handshakes, connections and requests by address.
type limiter struct {
	o Limits

	mu       sync.Mutex
	all      bucket // handshakes
	requests bucket // requests that are no handshakes
	by       map[client]*visitor
	swept    time.Time
}

// visitor is what is known of an address. It is forgotten when it has no
// connection and could begin anew.
type visitor struct {
	open     int
	credits  bucket // of handshakes
	requests bucket
	share    bucket // requests that take nothing of what all have together
	failures bucket // credentials that were not good
}

// forgetAfter is longer than any of these takes to fill from its lowest: twice
// the burst of failures.
const forgetAfter = 3 * failureBurstSeconds * time.Second

// last is when one of them was used last; long ago when none was.
func (v *visitor) last() time.Time {
	last := int64(math.MinInt64)
	for _, b := range []*bucket{&v.credits, &v.requests, &v.share, &v.failures} {
		if b.at != 0 {
			last = max(last, b.at)
		}
	}
	return bucketEpoch.Add(time.Duration(last))
}

// enter counts a handshake and a connection. reason is "" unless it is one
// too many; then no connection is held. Addresses come before the rate of all:
// who is refused for their own takes nothing of the others'.
func (l *limiter) enter(from client, now time.Time) (reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	v := l.visitor(from)
	if r := float64(l.o.UpgradeRatePerAddress.of(from)); r > 0 && !v.credits.take(r, burstSeconds*r, now) {
		return reasonAddrRate
	}
	if most := l.o.Connections.of(from); most > 0 && v.open >= most {
		return reasonAddress
	}
	if r := l.o.UpgradeRate; r > 0 && !l.all.take(r, burstSeconds*r, now) {
		return reasonRate
	}
	if from != (client{}) {
		v.open++
	}
	return ""
}

// visitor returns what is known of an address; of nobody's, nothing is kept.
func (l *limiter) visitor(from client) *visitor {
	v := l.by[from]
	if v == nil {
		v = &visitor{}
		if l.by == nil {
			l.by = map[client]*visitor{}
		}
		if from != (client{}) {
			l.by[from] = v
		}
	}
	return v
}

func (l *limiter) leave(from client) {
	if from == (client{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if v := l.by[from]; v != nil && v.open > 0 {
		v.open--
	}
}

// sweep forgets addresses now and then. One without a connection, for as long
// as it takes to fill its buckets, is as good as new.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for a, v := range l.by {
		if v.open == 0 && now.Sub(v.last()) > forgetAfter {
			delete(l.by, a)
		}
	}
}

// counted returns the address that a request is counted under, the zero value
// when it is not.
func (srv *Server) counted(r *http.Request) client {
	at, told := clientOf(r, srv.opts.Limits.TrustedProxies)
	if !told {
		srv.untold.report("a trusted proxy names no client; its requests are not limited by address", errNoClient)
		return client{}
	}
	if fromNearby(at) && !srv.trusted(r) && origin.Forwarded(r) {
		srv.strange.report("requests come through a proxy that is not in TRUSTED_PROXIES; limits of an address cannot tell its clients apart",
			fmt.Errorf("%s has sent the marks of a proxy", at))
	}
	return clientAt(at)
}

var errNoClient = errors.New("X-Forwarded-For is missing or no list of addresses (TRUSTED_PROXIES)")

// fromNearby reports whether an address is of this machine or its network, where
// a proxy may be. Any stranger can send the headers of one.
func fromNearby(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() }

// count counts a handshake in, unless a limit is reached.
func (srv *Server) count(r *http.Request) (from client, reason string) {
	if srv.overloaded() {
		return client{}, reasonQueued
	}
	if srv.open.Add(1) > int64(srv.opts.MaxConnections) {
		srv.open.Add(-1)
		return client{}, reasonFull
	}
	from = srv.counted(r)
	if reason = srv.limiter.enter(from, time.Now()); reason != "" {
		srv.open.Add(-1)
	}
	return from, reason
}

func (srv *Server) overloaded() bool {
	return srv.opts.Limits.QueuedBytes > 0 && srv.queued.Load() > srv.opts.Limits.QueuedBytes
}
