package ops

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"regexp"
)

//go:embed page.html
var pageHTML []byte

// pagePolicy allows the page its own style and script, by their hashes, and requests to
// this listener. Nothing else is loaded, and no page may embed it.
var pagePolicy = "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src " +
	hashOf("style") + "; script-src " + hashOf("script")

// hashOf returns the source of a Content-Security-Policy that allows the element of the
// page.
func hashOf(element string) string {
	m := regexp.MustCompile(`(?s)<` + element + `>(.*?)</` + element + `>`).FindSubmatch(pageHTML)
	if m == nil {
		return "'none'"
	}
	sum := sha256.Sum256(m[1])
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// page serves the page that shows /status and updates itself.
func page(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	answer(w, http.StatusOK, "text/html; charset=utf-8", pageHTML)
}
