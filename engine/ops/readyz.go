package ops

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/plain"
)

// readiness is the answer of /readyz, with the parts if details are requested.
type readiness struct {
	Ready  bool            `json:"ready"`
	Reason string          `json:"reason,omitempty"`
	Parts  []health.Status `json:"parts,omitempty"`
}

// ready serves /readyz. The short answer is for everybody. The state of each part
// requires the token, if there is one, because reasons name keys, logins and servers.
// Without the token, an Accept header for JSON gets the short answer.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case query.Has("verbose") || query.Has("format"):
		s.requireToken(http.HandlerFunc(s.details)).ServeHTTP(w, r)
	case acceptsJSON(r) && s.hasToken(r):
		s.details(w, r)
	default:
		status, short := s.readiness()
		answerJSON(w, status, short)
	}
}

// details answers with the state of each part.
func (s *Server) details(w http.ResponseWriter, r *http.Request) {
	status, long := s.readiness()
	long.Parts = s.o.Parts()
	if format := r.URL.Query().Get("format"); format == "json" || format == "" && acceptsJSON(r) {
		answerJSON(w, status, long)
		return
	}
	writeText(w, status, long)
}

// readiness returns the short answer and its status code.
func (s *Server) readiness() (status int, answer readiness) {
	ready, reason := s.o.Ready()
	if ready {
		return http.StatusOK, readiness{Ready: true, Reason: reason}
	}
	if reason == "" {
		reason = "not ready"
	}
	return http.StatusServiceUnavailable, readiness{Reason: reason}
}

// acceptsJSON reports whether the Accept header names JSON.
func acceptsJSON(r *http.Request) bool {
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if name, _, err := mime.ParseMediaType(accepted); err == nil && name == "application/json" {
			return true
		}
	}
	return false
}

// writeText answers with one line for the process and one for each part.
func writeText(w http.ResponseWriter, status int, a readiness) {
	var b bytes.Buffer
	if a.Ready {
		b.WriteString("ready\n")
	} else {
		fmt.Fprintf(&b, "not ready: %s\n", plain.Line(a.Reason))
	}
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, p := range a.Parts {
		fmt.Fprintf(table, "%s\t%s\tsince %s\t%s\n", p.State, p.Part, p.Since.UTC().Format(time.RFC3339), plain.Line(p.Reason))
	}
	_ = table.Flush() // a buffer never fails
	answer(w, status, "text/plain; charset=utf-8", b.Bytes())
}
