package origin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// misspelt are schemes that no page has and that are easily written instead of http or
// https.
var misspelt = []string{"htp", "htps", "htttp", "htttps", "hhtp", "hhtps", "httpss", "httos", "httpd", "ftp", "ws", "wss"}

// checkName refuses entries of a setting that Parse accepts but that no browser sends:
// a misspelt scheme, and a host with an empty or too long label.
func checkName(entry string) error {
	scheme, host, found := strings.Cut(entry, "://")
	if !found {
		scheme, host = "https", entry
	}
	if slices.Contains(misspelt, strings.ToLower(scheme)) {
		return fmt.Errorf("%q is not an origin: pages have https:// or http://", entry)
	}
	if strings.HasPrefix(host, "[") {
		return nil // an IPv6 address, which Parse checks
	}
	host, _, _ = strings.Cut(host, ":")
	host = strings.TrimSuffix(host, ".")
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return fmt.Errorf("%q is not an origin: its host is not a valid name", entry)
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") != "" {
		return nil
	}
	if _, err := netip.ParseAddr(host); err != nil { // browsers read a number at the end as an IPv4 address
		return fmt.Errorf("%q is not an origin: its host is not an IPv4 address", entry)
	}
	return nil
}
