package feed

import (
	"crypto/rand"
	"os"
	"strings"
)

// NewInstanceID returns an id for a process that was given none: the host name
// and a random part. It is good for this process only, see Options.Ephemeral.
func NewInstanceID() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "pitwall"
	}
	return instanceID(host)
}

// PublicID is the part of an instance id that spectators may see: of one that
// NewInstanceID has made not the name of the host.
func PublicID(instance string, ephemeral bool) string {
	if !ephemeral {
		return instance
	}
	return instance[strings.LastIndexByte(instance, '-')+1:]
}

// instanceID joins host and a random part, and keeps what is in every name
// that Redis or a shell may show: letters, digits, dot, dash.
func instanceID(host string) string {
	const longest = 40
	host = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, host)
	return host[:min(len(host), longest)] + "-" + strings.ToLower(rand.Text()[:8])
}

// GroupName is the live consumer group of an instance.
func GroupName(instance string) string { return "live-broadcast-" + instance }

// leaseKey names the lease of an instance in each key set.
func leaseKey(instance string) string { return "pitwall:lease:" + instance }
