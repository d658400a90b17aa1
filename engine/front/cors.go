package front

import (
	"net/http"

	"pitwall/engine/internal/origin"
)

// allowOrigins lets pages of ALLOWED_ORIGINS read the answers (CORS). They use a plain
// GET /live to learn why a handshake was refused. A page may send cookies only if the
// setting names its origin; * is not enough. The same holds for handshakes.
func (s *Server) allowOrigins(next http.Handler) http.Handler {
	allowed := s.opts.Origins
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if allowed.Empty() { // asked for every request, because a reload may change it
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Add("Vary", "Origin") // a cache must not serve one origin's answer to another
		page, present, err := origin.FromRequest(r)
		switch {
		case present && err == nil && allowed.Contains(page):
			h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			h.Set("Access-Control-Allow-Credentials", "true")
		case present && allowed.Any():
			h.Set("Access-Control-Allow-Origin", "*")
		default:
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Expose-Headers", "Date, Retry-After")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "Authorization")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
