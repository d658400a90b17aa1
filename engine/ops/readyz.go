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

// readiness is the answer of /readyz, with the parts where they are asked for.
type readiness struct {
	Ready  bool            `json:"ready"`
	Reason string          `json:"reason,omitempty"`
	Parts  []health.Status `json:"parts,omitempty"`
}

// ready answers everybody whether spectators may be sent here. How each part is
// needs the token, if there is one: reasons name keys, logins and servers. An
// Accept header alone gets the short answer without it.
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

// details answers with the parts.
func (s *Server) details(w http.ResponseWriter, r *http.Request) {
	status, long := s.readiness()
	long.Parts = s.o.Parts()
	if format := r.URL.Query().Get("format"); format == "json" || format == "" && acceptsJSON(r) {
		answerJSON(w, status, long)
		return
	}
	writeText(w, status, long)
}

// readiness asks the engine.
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

// writeText writes one line for the whole and one for each part.
func writeText(w http.ResponseWriter, status int, a readiness) {
	var b bytes.Buffer
	if a.Ready {
		b.WriteString("ready\n")
	} else {
		fmt.Fprintf(&b, "not ready: %s\n", oneLine(a.Reason))
	}
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, p := range a.Parts {
		fmt.Fprintf(table, "%s\t%s\tsince %s\t%s\n", p.State, p.Part, p.Since.UTC().Format(time.RFC3339), oneLine(p.Reason))
	}
	_ = table.Flush() // to memory
	answer(w, status, "text/plain; charset=utf-8", b.Bytes())
}

// oneLine removes line and column breaks and escapes control characters, because
// reasons contain errors of other servers.
func oneLine(s string) string { return plain.Text(strings.Join(strings.Fields(s), " ")) }
