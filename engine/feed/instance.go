package feed

import (
	"crypto/rand"
	"os"
	"strings"
)

// NewInstanceID returns an id for a process that has none configured: the host name
// and a random part. It is valid for this process only, see Options.Ephemeral.
func NewInstanceID() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "pitwall"
	}
	return instanceID(host)
}

// PublicID returns the part of an instance id that clients may see. It hides the
// host name in an ephemeral id.
func PublicID(instance string, ephemeral bool) string {
	if !ephemeral {
		return instance
	}
	return instance[strings.LastIndexByte(instance, '-')+1:]
}

// instanceID joins host and a random part. It keeps only characters that are safe
// in names of Redis and in a shell: letters, digits, dot, dash.
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

// GroupName returns the live consumer group of an instance.
func GroupName(instance string) string { return "live-broadcast-" + instance }

// leaseKey returns the lease key of an instance within a key set.
func leaseKey(instance string) string { return "pitwall:lease:" + instance }
