package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

const (
	// dialTimeout is the deadline of one attempt to connect, TLS and login
	// included.
	dialTimeout = 3 * time.Second

	// writeTimeout is how long an idle connection may take to answer a ping. After that
	// it is closed.
	writeTimeout = 5 * time.Second

	// pingEvery is how long a connection may be idle before it is pinged. It is
	// also the interval of TCP keep-alive.
	pingEvery = 2 * time.Second

	// sentinelEvery is how often Sentinels are asked for the master. Their
	// messages about it may be lost.
	sentinelEvery = 5 * time.Second
)

// errURL replaces the parser's errors, which quote parts of the URL. After a
// misplaced character such a part may be a piece of the password.
var errURL = errors.New("not a Redis URL: want redis://[user:password@]host:port[/db], rediss://… for TLS " +
	"or unix://[user:password@]/path/to/socket[?db=n], with special characters in the password percent-encoded")

// parameters are the parameters that a URL may have, with a check of their values.
var parameters = map[string]func(v string) bool{
	"addr": func(v string) bool { return v != "" },
	"client_name": func(v string) bool {
		return v != "" && !strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' })
	},
	"db":                func(v string) bool { n, err := strconv.Atoi(v); return err == nil && n >= 0 },
	"dial_timeout":      isDuration,
	"write_timeout":     isDuration,
	"master_set":        func(v string) bool { return v != "" },
	"sentinel_user":     func(v string) bool { return v != "" },
	"sentinel_password": func(v string) bool { return v != "" },
	"skip_verify":       func(v string) bool { _, err := strconv.ParseBool(v); return v == "" || err == nil },
	// Other programs understand these. Here they have no effect.
	"protocol":     func(v string) bool { return v == "2" || v == "3" },
	"client_cache": func(string) bool { return true },
	"max_retries":  func(string) bool { return true },
}

func isDuration(v string) bool {
	d, err := time.ParseDuration(v)
	return err == nil && d > 0
}

// checkParameters refuses parameters that are unknown or have no effect in this
// URL. Its errors do not show values.
func checkParameters(u *url.URL, q url.Values) error {
	tls := u.Scheme == "rediss" || u.Scheme == "valkeys"
	for _, name := range slices.Sorted(maps.Keys(q)) {
		values := q[name]
		valid, known := parameters[name]
		switch {
		case !known:
			return fmt.Errorf("unknown parameter %q, allowed are %s", name, strings.Join(slices.Sorted(maps.Keys(parameters)), ", "))
		case len(values) > 1 && name != "addr":
			return fmt.Errorf("parameter %s is given %d times, allowed is once", name, len(values))
		case slices.ContainsFunc(values, func(v string) bool { return !valid(v) }):
			return fmt.Errorf("the value of parameter %s is not allowed", name)
		case name == "skip_verify" && !tls:
			return errors.New("skip_verify has no effect without rediss://")
		case name == "db" && u.Scheme != "unix" && !slices.Contains([]string{"", q.Get(name)}, strings.Trim(u.Path, "/")):
			return errors.New("two numbers of the database are given, as /db and as parameter db")
		case (name == "addr" || name == "master_set") && u.Scheme == "unix":
			return fmt.Errorf("parameter %s has no effect with unix://", name)
		case strings.HasPrefix(name, "sentinel_") && !q.Has("master_set"):
			return fmt.Errorf("parameter %s has no effect without master_set", name)
		}
	}
	return nil
}

// CheckURL returns the error that Open returns for a URL, without connecting.
func CheckURL(raw string) error {
	if _, err := clientOptions(raw); err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	return nil
}

// clientOptions converts a URL to options of the library.
func clientOptions(raw string) (rueidis.ClientOption, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return rueidis.ClientOption{}, errURL
	}
	// A '/', '?' or '#' in a password ends the host early. The part before
	// it would be taken for the host name, and be shown in errors.
	if u.Scheme != "unix" && (u.Fragment != "" || strings.Contains(u.Path+u.RawQuery, "@")) {
		return rueidis.ClientOption{}, errURL
	}
	if u.Scheme == "unix" && u.Host != "" { // the path lacks its first slash
		return rueidis.ClientOption{}, errURL
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return rueidis.ClientOption{}, errURL
	}
	if err := checkParameters(u, q); err != nil {
		return rueidis.ClientOption{}, err
	}
	o, err := rueidis.ParseURL(raw)
	if err != nil {
		return rueidis.ClientOption{}, errURL
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
	o.Sentinel.Username, o.Sentinel.Password = q.Get("sentinel_user"), q.Get("sentinel_password")
	o.Sentinel.Dialer, o.Sentinel.TLSConfig, o.Sentinel.ClientName = o.Dialer, o.TLSConfig, o.ClientName
	// A message about a failover may be lost with its connection.
	o.Sentinel.TopologyRefreshInterval = sentinelEvery

	// Each client is for one server: this package has the slot map of a Cluster.
	o.ForceSingleClient = true
	// Servers without client tracking refuse client-side caching.
	o.DisableCache = true
	// The callers retry, with their own back-off and in their own order.
	o.DisableRetry = true
	// Otherwise a command with a deadline does not notice that its context has been
	// cancelled.
	o.AlwaysPipelining = true
	// One shared connection keeps commands in the order they were given.
	o.PipelineMultiplex = -1
	o.ReadBufferEachConn = 256 << 10
	o.WriteBufferEachConn = 64 << 10
	return o, nil
}
