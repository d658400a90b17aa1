package ops

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"
)

// maxProfile is the longest time of a profile. A profile slows the process down.
const maxProfile = 5 * time.Minute

// handleProfiles adds the handlers of the profiles to mux.
func handleProfiles(mux *http.ServeMux) {
	for path, h := range map[string]http.Handler{
		"":        http.HandlerFunc(pprof.Index), // also serves the profiles that have no line here
		"cmdline": http.HandlerFunc(cmdline),
		"mutex":   newMutexProfile(),
		"block":   newBlockProfile(),
		"profile": http.HandlerFunc(pprof.Profile),
		"symbol":  http.HandlerFunc(pprof.Symbol),
		"trace":   http.HandlerFunc(pprof.Trace),
	} {
		mux.Handle("/debug/pprof/"+path, limitSeconds(h))
	}
}

// limitSeconds refuses profiles that would take too long. It passes on values that are
// not numbers; the profile then uses its default.
func limitSeconds(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// !(n <= max) also refuses NaN.
		if n, err := strconv.ParseFloat(r.FormValue("seconds"), 64); err == nil && !(n <= maxProfile.Seconds()) {
			http.Error(w, fmt.Sprintf("seconds is %s, allowed is %.0f at most", r.FormValue("seconds"), maxProfile.Seconds()), http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
