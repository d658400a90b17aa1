package ops

import (
	"net"
	"net/http"

	"pitwall/engine/internal/origin"
)

// localOnly refuses requests to a loopback address that were sent to a name
// other than that address or localhost.
func localOnly(next http.Handler, at net.Addr) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !origin.OwnHost(r.Host, at) {
			http.Error(w, "this listener answers only to its own address or localhost as host", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownSiteOnly refuses what the page of another site has a browser ask: it reads
// no answer, but it could start profiles. Scrapers, probes and addresses that
// are typed in come from no site.
func ownSiteOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fromOtherSite(r) {
			http.Error(w, "a page of another site has asked; open the address by hand", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fromOtherSite goes by both headers, of which browsers may leave out either.
// Another port of the same host is the same site, and another origin.
func fromOtherSite(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	from, present, err := origin.FromRequest(r)
	return present && (err != nil || !from.Matches(r.Host, false))
}

// isLoopback says whether only this machine can connect to the address.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
