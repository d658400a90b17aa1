package viewer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed static
var static embed.FS

// policy lets the page load its own files and connect to its own host, nothing else. It
// ends with the pages that may embed the page: here those of the same origin.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// contentTypes are named here because the MIME tables of machines differ.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file is one static file, ready to be sent.
type file struct {
	contentType  string
	plain, small []byte // small is compressed with gzip; nil if that is not worth it
	etag         string // of plain; that of small is etag + "-gzip"
}

// Handler serves the page at / and the events of list at /events.json. Any other path is
// answered with 404, any method but GET and HEAD with 405. Pages of the same origin may
// embed the page, and so may embedders, which are sources of a Content-Security-Policy.
// Handler panics if an embedded file cannot be read, which depends on the build alone.
func Handler(list *List, embedders ...string) http.Handler {
	files, err := page()
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	for name, f := range files {
		mux.Handle("/"+name, f)
	}
	mux.Handle("/{$}", files["index.html"])
	mux.Handle("/events.json", list)
	return withSecurityHeaders(mux, strings.Join(append([]string{policy}, embedders...), " "))
}

// page returns the embedded files by name, read and compressed once.
var page = sync.OnceValues(func() (map[string]*file, error) { return load(static, "static") })

// load reads and compresses the files of a folder.
func load(from fs.FS, folder string) (map[string]*file, error) {
	files := map[string]*file{}
	entries, err := fs.ReadDir(from, folder)
	if err != nil {
		return nil, fmt.Errorf("read the page's files: %w", err)
	}
	for _, e := range entries {
		plain, err := fs.ReadFile(from, path.Join(folder, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the page's files: %w", err)
		}
		contentType, known := contentTypes[path.Ext(e.Name())]
		if !known {
			return nil, fmt.Errorf("read the page's files: no content type for %s", e.Name())
		}
		small, err := compress(plain)
		if err != nil {
			return nil, fmt.Errorf("compress %s: %w", e.Name(), err)
		}
		sum := sha256.Sum256(plain)
		files[e.Name()] = &file{contentType, plain, small, hex.EncodeToString(sum[:12])}
	}
	return files, nil
}

// compressors keeps writers for the next file, because each takes a megabyte.
var compressors = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestCompression)
	if err != nil {
		panic(err) // only an invalid level is an error
	}
	return z
}}

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&out)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// ServeHTTP answers with the file, or with 304 if the client has it.
func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache") // store it, revalidate each time
	h.Set("ETag", `"`+f.etag+`"`)
	if acceptsGzip(r) {
		h.Set("ETag", `"`+f.etag+`-gzip"`)
	}
	f.send(w, r)
}

// send answers with the file, compressed if the client accepts that.
func (f *file) send(w http.ResponseWriter, r *http.Request) {
	h, body := w.Header(), f.plain
	if f.small != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = f.small
		}
	}
	h.Set("Content-Type", f.contentType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reports whether Accept-Encoding allows gzip. A quality value matters only
// if it is 0.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == "gzip" {
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(quality), "q="), 64)
			return quality == "" || err == nil && q > 0
		}
	}
	return false
}

// withSecurityHeaders sets the security headers of every answer, errors included.
func withSecurityHeaders(next http.Handler, policy string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}
