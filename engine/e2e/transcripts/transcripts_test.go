package transcripts

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
)

// The transcripts under testdata are conversations of publishers, spectators and
// databases with a running engine that has its real defaults. Each runs on
// redis-server and PostgreSQL, and on the embedded backends. A line is one of
//
//	migrate                       pitwall migrate
//	roster import [--dry-run]     pitwall roster import, of the CSV in "| " lines
//	serve [flags]                 pitwall serve; returns when it is ready
//	stop                          ask it to stop, and wait for a clean end
//	stopping, stopped             the two halves of stop
//	connect NAME [?query] [Header:value] [=> status|refused]
//	NAME> text                    the client sends
//	NAME< frame                   the next frame that the client receives
//	NAME<~ frame                  the same; lines in a row come in any order
//	silence NAME                  no frame comes, although all records were read
//	close NAME                    the client closes
//	closed NAME code              the server has closed, and nothing came before
//	redis COMMAND                 on the real server or the embedded one
//	sql STATEMENT                 on PostgreSQL or the SQLite file
//	metric NAME value             becomes true
//	ops METHOD path status|refused, http …   on the private or public listener
//	platform …, keys …, token …, link …, revoke …    see runner.accessStep
//
// Lines that begin with "= " follow some of these with the expected result, in
// which names may be used as in frames. A line that begins with "! " has a part
// of the expected error. A server is asked again until it answers as expected. A
// line that begins with [real] or [embedded] is for these backends only. # begins
// a comment.
//
// Frames are compared as JSON, with the digits of numbers. "$any" stands for
// anything, "$ts" for a time, any other "$name" for the value that was there
// first. A snapshot with "part":"$all" is all its parts merged. In addition, the
// rules of e2etest.Order hold for every client, no client may get a frame that
// the transcript does not have, and no engine may log an error. A subscribed frame may
// have a cursor that the transcript leaves out.
//
// go test ./engine/e2e/transcripts -update writes what was received into the
// files, to be reviewed in the diff.
var update = flag.Bool("update", false, "write what the transcripts receive into their files")

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts found: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		for _, on := range []struct {
			name string
			make func(testing.TB) *e2etest.Backends
		}{{"real", e2etest.RealBackends}, {"embedded", e2etest.EmbeddedBackends}} {
			t.Run(name+"/"+on.name, func(t *testing.T) {
				if !*update {
					t.Parallel() // the two of a transcript must not write at once
				}
				s, err := readTranscript(file)
				if err != nil {
					t.Fatal(err)
				}
				play(t, s, on.make(t))
				if *update {
					s.save(t)
				}
			})
		}
	}
}

// play runs a transcript on backends.
func play(t *testing.T, s *transcript, b *e2etest.Backends) {
	r := &runner{transcript: s, backends: b, names: fixedNames(), clients: map[string]*client{}, log: new(e2etest.Log), update: *update}
	defer func() {
		r.cleanUp()
		if t.Failed() {
			t.Logf("the engine's log:\n%s", r.log)
		}
	}()
	for i := 0; i < len(s.steps); {
		group := r.group(s.steps[i:])
		i += len(group)
		if st := group[0]; st.only != "" && st.only != b.Name {
			continue
		}
		if err := r.run(group); err != nil {
			st := group[0]
			t.Fatalf("%s:%d: %s\n%v", s.path, st.at+1, s.lines[st.at], err)
		}
	}
	if err := r.finish(); err != nil {
		t.Fatalf("%s: at the end of the transcript: %v", s.path, err)
	}
}

// fixedNames are those that a transcript need not bind: device times ahead of now
// among them.
func fixedNames() names {
	ahead := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).UnixMilli(), 10) }
	return names{"$16KiB": strings.Repeat("x", 16<<10), "$hourAhead": ahead(time.Hour), "$dayAhead": ahead(24 * time.Hour)}
}

// group returns the first step, with those that come in any order with it.
func (r *runner) group(steps []*step) []*step {
	n := 1
	for first := steps[0]; first.any && n < len(steps); n++ {
		st := steps[n]
		if !st.any || st.actor != first.actor || st.only != first.only || st.at != steps[n-1].at+1 {
			break
		}
	}
	return steps[:n]
}

// replace has the lines of a transcript from index from up to index upto written
// anew by save.
func (s *transcript) replace(from, upto int, lines ...string) {
	s.edits = append(s.edits, edit{from, upto, lines})
}

type edit struct {
	from, upto int
	lines      []string
}

// save writes the transcript back with what was received.
func (s *transcript) save(t *testing.T) {
	if len(s.edits) == 0 {
		return
	}
	slices.SortStableFunc(s.edits, func(a, b edit) int { return b.from - a.from })
	lines := s.lines
	for _, e := range s.edits {
		lines = slices.Concat(lines[:e.from], e.lines, lines[e.upto:])
	}
	if err := os.WriteFile(s.path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s is rewritten: review the diff", s.path)
}
