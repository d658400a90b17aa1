package origin

import (
	"net/netip"
	"slices"
	"strings"

	"pitwall/engine/internal/current"
)

// List holds the origins that a setting allows. The zero value allows none. Copies of
// a List from ParseList share its content: Replace changes them all.
type List struct{ content *current.Value[listed] }

type listed struct {
	any bool
	all []Origin
}

// Replace puts the content of another list in force for l and all its copies. l must
// be from ParseList.
func (l List) Replace(other List) { l.content.Store(other.load()) }

func (l List) load() listed {
	if l.content == nil {
		return listed{}
	}
	return l.content.Load()
}

// ParseList reads origins and bare hosts; * allows all origins. A bare host means its
// pages over https, and for this machine, such as localhost:3000, also over http.
// Empty entries are ignored.
func ParseList(entries []string) (List, error) {
	var l listed
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" || entry == "*" {
			l.any = l.any || entry == "*"
			continue
		}
		origins, err := parseEntry(entry)
		if err != nil {
			return List{}, err
		}
		l.all = append(l.all, origins...)
	}
	content := new(current.Value[listed])
	content.Store(l)
	return List{content}, nil
}

// parseEntry reads an origin or a bare host.
func parseEntry(entry string) ([]Origin, error) {
	entry = strings.TrimSuffix(entry, "/")
	if err := checkName(entry); err != nil {
		return nil, err
	}
	if strings.Contains(entry, "://") {
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
func (l List) Any() bool { return l.load().any }

// Empty reports whether no origin is allowed.
func (l List) Empty() bool {
	c := l.load()
	return !c.any && len(c.all) == 0
}

// Contains reports whether the list names an origin. It ignores *.
func (l List) Contains(o Origin) bool { return slices.Contains(l.load().all, o) }

// ContainsHost reports whether the list names an origin with the host of a Host
// header, with any scheme and port. It ignores *.
func (l List) ContainsHost(host string) bool {
	name, _, err := splitHost(host, "")
	return err == nil && slices.ContainsFunc(l.load().all, func(o Origin) bool { return o.host == name })
}

// ParseSources reads the entries that ParseList reads, and also hosts that begin with
// "*.", which stand for all subdomains. It returns them as sources of a
// Content-Security-Policy.
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
		host, wild := strings.CutPrefix(host, "*.")
		origins, err := parseEntry(scheme + host)
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

// isLoopbackName reports whether browsers resolve a host to this machine without
// asking the name service.
func isLoopbackName(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}
