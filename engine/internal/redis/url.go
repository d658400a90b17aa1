package redis

import (
	"crypto/tls"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

const (
	// dialTimeout bounds one attempt to connect, TLS and login included.
	dialTimeout = 3 * time.Second

	// writeTimeout is how long an idle connection may take to answer a ping
	// before it is given up.
	writeTimeout = 5 * time.Second

	// pingEvery is the gap after which an idle connection is asked for a sign
	// of life; it is the interval of TCP keep-alive as well.
	pingEvery = 2 * time.Second
)

// errURL replaces the parser's own words, which quote parts of the URL, and
// with a misplaced character that part is a piece of the password.
var errURL = errors.New("not a Redis URL: want redis://[user:password@]host:port[/db], rediss://… for TLS " +
	"or unix://[user:password@]/path/to/socket[?db=n], with special characters in the password percent-encoded")

// clientOptions turns a URL into the options of the library.
func clientOptions(raw string) (rueidis.ClientOption, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return rueidis.ClientOption{}, errURL
	}
	// A '/', '?' or '#' in a password ends the host early, and what stands
	// before it would be taken for the host's name, and shown.
	if u.Scheme != "unix" && (u.Fragment != "" || strings.Contains(u.Path+u.RawQuery, "@")) {
		return rueidis.ClientOption{}, errURL
	}
	o, err := rueidis.ParseURL(raw)
	if err != nil {
		return rueidis.ClientOption{}, errURL
	}
	if o.TLSConfig == nil && u.Query().Has("skip_verify") {
		return rueidis.ClientOption{}, errors.New("skip_verify has no effect without rediss://")
	}
	if o.TLSConfig != nil {
		o.TLSConfig.MinVersion = tls.VersionTLS12
	}
	if o.Dialer.Timeout == 0 {
		o.Dialer.Timeout = dialTimeout
	}
	if o.ConnWriteTimeout == 0 {
		o.ConnWriteTimeout = writeTimeout
	}
	o.Dialer.KeepAlive = pingEvery
	if o.ClientName == "" {
		o.ClientName = "pitwall"
	}
	o.AlwaysRESP2 = false

	// The library would otherwise ask CLUSTER SLOTS, which the embedded server
	// answers as if it were a cluster.
	o.ForceSingleClient = true
	// Servers without client tracking refuse to be cached.
	o.DisableCache = true
	// The callers' loops retry, with their own back-off and their own order.
	o.DisableRetry = true
	// Without it a command with a deadline does not notice that its context
	// has been cancelled.
	o.AlwaysPipelining = true
	// One shared connection keeps commands in the order they were given.
	o.PipelineMultiplex = -1
	o.ReadBufferEachConn = 256 << 10
	o.WriteBufferEachConn = 64 << 10
	return o, nil
}
