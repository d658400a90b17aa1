package ops

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/promtext"
)

// scrape is the memory of one answer to /metrics.
type scrape struct {
	samples   bytes.Buffer
	describer *promtext.Describer
}

// spareScrape keeps that memory between two answers. A sync.Pool would lose it at each
// garbage collection, which is about as often as metrics are read.
var spareScrape = make(chan *scrape, 1)

// takeScrape returns the spare memory, or new memory while another answer uses it.
func takeScrape() *scrape {
	select {
	case c := <-spareScrape:
		c.samples.Reset()
		return c
	default:
		return &scrape{describer: promtext.NewDescriber(families)}
	}
}

// keep makes c the spare one, unless there is one.
func (c *scrape) keep() {
	select {
	case spareScrape <- c:
	default:
	}
}

// metrics collects everything before it writes, so that a slow scraper holds no lock.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	c := takeScrape()
	defer c.keep()
	b := &c.samples
	b.WriteString(build())
	s.writeReadiness(b)
	s.o.Set.WritePrometheus(b)
	if s.o.Extra != nil {
		s.o.Extra(b)
	}
	metrics.WriteProcessMetrics(b)
	metrics.WriteFDMetrics(b)
	answer(w, http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", c.describer.Describe(b.Bytes()))
}

// build is the sample that says what the program was built from. Its list of modules is
// long, so it is read once.
var build = sync.OnceValue(func() string {
	version, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return fmt.Sprintf("processor_build_info{version=%q,revision=%q,go=%q} 1\n", version, revision, runtime.Version())
})

// writeReadiness writes the answer of /readyz and the state of each part.
func (s *Server) writeReadiness(w io.Writer) {
	ready, _ := s.o.Ready()
	fmt.Fprintf(w, "processor_ready %d\n", number(ready))
	for _, p := range s.o.Parts() {
		for _, state := range []health.State{health.OK, health.Degraded, health.Failed} {
			fmt.Fprintf(w, "processor_part_state{part=%q,state=%q} %d\n", p.Part, state, number(p.State == state))
		}
	}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
