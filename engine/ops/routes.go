package ops

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"pitwall/engine/internal/plain"
)

// routes serves health and readiness to everybody, and all else to those who have the
// token, if there is one.
func (s *Server) routes(profiles bool) http.Handler {
	private := http.NewServeMux()
	private.HandleFunc("/{$}", page)
	private.HandleFunc("/metrics", s.metrics)
	private.HandleFunc("/status", s.status)
	if s.o.Device != nil {
		private.HandleFunc("/device", s.device)
	}
	if s.o.Top != nil {
		private.HandleFunc("/top", s.top)
	}
	if profiles {
		handleProfiles(private)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", alive)
	mux.HandleFunc("/readyz", s.ready)
	mux.Handle("/", s.requireToken(private))
	return mux
}

// requireToken refuses requests without the bearer token, if one is set.
func (s *Server) requireToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.hasToken(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hasToken reports whether a request has the bearer token, or none is set. It compares
// hashes in constant time, so that timing does not even reveal the length.
func (s *Server) hasToken(r *http.Request) bool {
	token := s.token.Load()
	want := sha256.Sum256([]byte("Bearer " + token))
	got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
	return token == "" || subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// alive answers that the process runs. It checks no dependency, because a restart
// would repair neither Redis nor the database.
func alive(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
}

// cmdline returns the name of the program, which tools expect, without its arguments:
// a flag may hold a password.
func cmdline(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "text/plain; charset=utf-8", []byte(filepath.Base(os.Args[0])))
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, status, "application/json", []byte(plain.Text(string(b))+"\n"))
}

// answer writes an answer with a deadline. The server has no general write time-out,
// because a profile takes as long as the client requests.
func answer(w http.ResponseWriter, status int, contentType string, body []byte) {
	// Not every ResponseWriter supports deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}
