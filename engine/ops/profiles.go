package ops

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"
)

// longestProfile bounds the time of a profile, which slows the process down while it
// runs.
const longestProfile = 5 * time.Minute

// handleProfiles adds the profiles to mux.
func handleProfiles(mux *http.ServeMux) {
	for path, h := range map[string]http.Handler{
		"":        http.HandlerFunc(pprof.Index), // and the profiles that have no line here
		"cmdline": http.HandlerFunc(cmdline),
		"mutex":   newContention("mutex"),
		"block":   newContention("block"),
		"profile": http.HandlerFunc(pprof.Profile),
		"symbol":  http.HandlerFunc(pprof.Symbol),
		"trace":   http.HandlerFunc(pprof.Trace),
	} {
		mux.Handle("/debug/pprof/"+path, limitSeconds(h))
	}
}

// limitSeconds refuses profiles that would take too long. Values that are not numbers
// are left to the profile, which then uses its default.
func limitSeconds(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// NaN compares false, so it is refused, too.
		if n, err := strconv.ParseFloat(r.FormValue("seconds"), 64); err == nil && !(n <= longestProfile.Seconds()) {
			http.Error(w, fmt.Sprintf("seconds is %s, allowed is %.0f at most", r.FormValue("seconds"), longestProfile.Seconds()), http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
