package ops

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"
)

// longestProfile bounds what costs the process something for as long as it
// lasts.
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
		mux.Handle("/debug/pprof/"+path, bounded(h))
	}
}

// bounded refuses profiles that would take too long. What is no number is left
// to the profile, which takes its default then.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not a number is not in bounds either.
		if n, err := strconv.ParseFloat(r.FormValue("seconds"), 64); err == nil && !(n <= longestProfile.Seconds()) {
			http.Error(w, fmt.Sprintf("seconds is %s, allowed is %.0f at most", r.FormValue("seconds"), longestProfile.Seconds()), http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
