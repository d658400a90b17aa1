package ops

import (
	"net"
	"net/http"

	"pitwall/engine/internal/origin"
)

// rejectForeignHost refuses requests to a loopback listener whose Host is neither its
// address nor localhost.
func rejectForeignHost(next http.Handler, at net.Addr) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !origin.OwnHost(r.Host, at) {
			http.Error(w, "this listener answers only to its own address or localhost as host", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// rejectCrossSite refuses requests that a page of another site causes. The page could
// not read the answer, but it could start profiles. Requests of scrapers and probes, and
// addresses typed by hand, come from no site.
func rejectCrossSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fromOtherSite(r) {
			http.Error(w, "requests from pages of other sites are refused; open the address by hand", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fromOtherSite checks both headers, because a browser may omit either. Another port of
// the same host counts as another site.
func fromOtherSite(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	from, present, err := origin.FromRequest(r)
	return present && (err != nil || !from.Matches(r.Host, false))
}
