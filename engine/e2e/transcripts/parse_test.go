package transcripts

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// transcript is a file: a conversation with a running engine.
type transcript struct {
	path  string
	lines []string // of the file, as they are
	steps []*step
	edits []edit // of -update
}

// step is one line of a transcript, with the lines that belong to it.
type step struct {
	at    int    // index of the line in transcript.lines
	only  string // "real" or "embedded"; "" for both
	actor string // the client of a conversation line
	verb  string // sends, receives, or the word that the line begins with
	rest  string
	any   bool // the frame may come in any order within its group

	input  []string // "| " lines
	result []string // "= " lines: what is expected
	failed string   // "! " line: the error that is expected
	from   int      // index of the first of these lines
	upto   int      // index after the last
}

const (
	sends    = "sends"
	receives = "receives"
)

var (
	onlyMark     = regexp.MustCompile(`^\[(real|embedded)\] `)
	conversation = regexp.MustCompile(`^([a-z]+)(>|<~|<) ?(.*)$`)
	verbs        = []string{
		"migrate", "roster", "serve", "stop", "stopping", "stopped",
		"connect", "close", "closed", "silence", "redis", "sql", "metric", "ops", "http",
		"platform", "keys", "token", "link", "revoke",
	}
)

func readTranscript(path string) (*transcript, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &transcript{path: path, lines: strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")}
	return s, s.parse()
}

func (s *transcript) parse() error {
	var last *step
	for i, l := range s.lines {
		switch {
		case l == "" || strings.HasPrefix(l, "#"):
			last = nil
			continue
		case l[0] == '|' || l[0] == '=' || l[0] == '!':
			if last == nil || len(l) > 1 && l[1] != ' ' {
				return fmt.Errorf("%s:%d: %q belongs to no line", s.path, i+1, l)
			}
			last.attach(l[0], strings.TrimPrefix(l[1:], " "), i)
			continue
		}
		st, err := parseStep(l)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", s.path, i+1, err)
		}
		st.at, st.from, st.upto = i, i+1, i+1
		s.steps = append(s.steps, st)
		last = st
	}
	return nil
}

func (st *step) attach(kind byte, text string, at int) {
	switch kind {
	case '|':
		st.input = append(st.input, text)
		st.from = at + 1
	case '=':
		st.result = append(st.result, text)
	case '!':
		st.failed = text
	}
	st.upto = at + 1
}

func parseStep(l string) (*step, error) {
	st := &step{}
	if m := onlyMark.FindStringSubmatch(l); m != nil {
		st.only = m[1]
		l = l[len(m[0]):]
	}
	if m := conversation.FindStringSubmatch(l); m != nil {
		st.actor, st.rest = m[1], m[3]
		st.verb, st.any = receives, m[2] == "<~"
		if m[2] == ">" {
			st.verb = sends
		}
		return st, nil
	}
	st.verb, st.rest, _ = strings.Cut(l, " ")
	if !slices.Contains(verbs, st.verb) {
		return nil, fmt.Errorf("%q begins with none of %s, and is no line of a client", l, strings.Join(verbs, ", "))
	}
	return st, nil
}

// words splits a line as a shell does: 'single quotes' keep everything as it
// is, and in "double quotes" the escapes of Go apply.
func words(s string) ([]string, error) {
	var out []string
	for {
		s = strings.TrimLeft(s, " ")
		if s == "" {
			return out, nil
		}
		var w string
		switch s[0] {
		case '\'':
			end := strings.IndexByte(s[1:], '\'')
			if end < 0 {
				return nil, fmt.Errorf("a quote is not closed: %s", s)
			}
			w, s = s[1:1+end], s[2+end:]
		case '"':
			quoted, err := strconv.QuotedPrefix(s)
			if err != nil {
				return nil, fmt.Errorf("a quote is not closed: %s", s)
			}
			w, _ = strconv.Unquote(quoted)
			s = s[len(quoted):]
		default:
			w, s, _ = strings.Cut(s, " ")
			out = append(out, w)
			continue
		}
		if s != "" && s[0] != ' ' {
			return nil, fmt.Errorf("text follows a quote: %s", s)
		}
		out = append(out, w)
	}
}

// quoteWords is the reverse of words.
func quoteWords(list []string) string {
	out := make([]string, len(list))
	for i, w := range list {
		plain := strconv.Quote(w) == `"`+w+`"` // no escapes needed
		switch {
		case plain && w != "" && !strings.ContainsAny(w, " '|"):
			out[i] = w
		case !strings.Contains(w, "'") && (plain || strconv.Quote(w) == `"`+strings.ReplaceAll(w, `"`, `\"`)+`"`):
			out[i] = "'" + w + "'"
		default:
			out[i] = strconv.Quote(w)
		}
	}
	return strings.Join(out, " ")
}
