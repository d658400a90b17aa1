package origin

import (
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
		origins, err := parseEntry(entry)
		if err != nil {
			return List{}, err
		}
		l.all = append(l.all, origins...)
	}
	return l, nil
}

// parseEntry reads an origin or a bare host.
func parseEntry(entry string) ([]Origin, error) {
	entry, bare := strings.TrimSuffix(entry, "/"), !strings.Contains(entry, "://")
	if !bare {
		o, err := Parse(entry)
		return []Origin{o}, err
	}
	o, err := Parse("https://" + entry)
	if err != nil || !isLoopbackName(o.host) {
		return []Origin{o}, err
	}
	plain, err := Parse("http://" + entry)
	return []Origin{o, plain}, err
}

// Any reports whether every origin is allowed.
func (l List) Any() bool { return l.any }

// Empty reports whether none is.
func (l List) Empty() bool { return !l.any && len(l.all) == 0 }

// Contains reports whether an origin is in the list by name; Any does not count.
func (l List) Contains(o Origin) bool { return slices.Contains(l.all, o) }

// ContainsHost reports whether the host of a Host header is that of an origin in
// the list, whatever its scheme and port. Any does not count.
func (l List) ContainsHost(host string) bool {
	name, _, err := splitHost(host, "")
	return err == nil && slices.ContainsFunc(l.all, func(o Origin) bool { return o.host == name })
}

// ParseSources reads what ParseList does, and hosts that begin with *. for all
// below them. It returns them as a Content-Security-Policy has them.
func ParseSources(entries []string) (sources []string, err error) {
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		switch entry {
		case "":
			continue
		case "*":
			sources = append(sources, entry)
			continue
		}
		scheme, host, found := strings.Cut(entry, "://")
		if scheme += "://"; !found {
			scheme, host = "", entry
		}
		above, wild := strings.CutPrefix(host, "*.")
		origins, err := parseEntry(scheme + above)
		if err != nil {
			return nil, err
		}
		for _, o := range origins {
			if wild {
				o.host = "*." + o.host
			}
			sources = append(sources, o.String())
		}
	}
	return sources, nil
}

// isLoopbackName reports whether a host means this machine to a browser,
// whatever the name service says.
func isLoopbackName(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
