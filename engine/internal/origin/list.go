package origin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// List are the origins that a setting allows. The zero value allows none.
type List struct {
	any bool
	all []Origin
}

// ParseList reads origins and bare hosts, or * for any. A bare host stands for
// its pages over https; where it means this machine, such as localhost:3000,
// for those over http as well. Empty entries are left out.
func ParseList(entries []string) (l List, err error) {
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		switch {
		case entry == "":
			continue
		case entry == "*":
			l.any = true
			continue
		}
		bare := !strings.Contains(entry, "://")
		if bare {
			entry = "https://" + entry
		}
		o, err := Parse(strings.TrimSuffix(entry, "/"))
		if err != nil {
			return List{}, err
		}
		l.all = append(l.all, o)
		if bare && isLoopbackName(o.host) {
			http, err := Parse("http" + strings.TrimPrefix(entry, "https"))
			if err != nil {
				return List{}, fmt.Errorf("read %q over http: %w", entry, err)
			}
			l.all = append(l.all, http)
		}
	}
	return l, nil
}

// Any reports whether every origin is allowed.
func (l List) Any() bool { return l.any }

// Empty reports whether none is.
func (l List) Empty() bool { return !l.any && len(l.all) == 0 }

// Names reports whether an origin is in the list by name; Any does not count.
func (l List) Names(o Origin) bool { return slices.Contains(l.all, o) }

// NamesHost reports whether the host of a Host header is that of an origin in
// the list, whatever its scheme and port. Any does not count.
func (l List) NamesHost(host string) bool {
	name, _, err := splitHost(host, "")
	return err == nil && slices.ContainsFunc(l.all, func(o Origin) bool { return o.host == name })
}

// Strings returns the origins as browsers write them.
func (l List) Strings() []string {
	var out []string
	for _, o := range l.all {
		out = append(out, o.String())
	}
	return out
}

// isLoopbackName reports whether a host means this machine to a browser,
// whatever the name service says.
func isLoopbackName(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
