package transcripts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object with its members in their order.
type object struct {
	keys []string
	m    map[string]any
}

// parseJSON reads one JSON value strictly: a repeated member, or text after the
// value, is an error. Numbers stay as they are written.
func parseJSON(s string) (any, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	v, err := parseValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text follows the value")
	}
	return v, nil
}

func parseValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		return parseObject(d)
	}
	return t, nil
}

func parseObject(d *json.Decoder) (any, error) {
	o := &object{m: map[string]any{}}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, err
		}
		key := k.(string)
		if _, twice := o.m[key]; twice {
			return nil, fmt.Errorf("member %q occurs twice", key)
		}
		if o.m[key], err = parseValue(d); err != nil {
			return nil, err
		}
		o.keys = append(o.keys, key)
	}
	_, err := d.Token()
	return o, err
}

// writeJSON writes a value as parseJSON reads it, members in their order.
func writeJSON(b *strings.Builder, v any) {
	switch v := v.(type) {
	case *object:
		b.WriteByte('{')
		for i, k := range v.keys {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, k)
			b.WriteByte(':')
			writeJSON(b, v.m[k])
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, e)
		}
		b.WriteByte(']')
	case string:
		var s strings.Builder
		e := json.NewEncoder(&s)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			panic(err) // no string fails
		}
		b.WriteString(strings.TrimSuffix(s.String(), "\n"))
	case json.Number:
		b.WriteString(v.String())
	case bool:
		b.WriteString(strconv.FormatBool(v))
	default:
		b.WriteString("null")
	}
}

func jsonText(v any) string {
	var b strings.Builder
	writeJSON(&b, v)
	return b.String()
}

// names are the values that a transcript refers to: "$id" matches any value the
// first time, and the same value from then on. "$any" always matches; "$ts"
// matches any time in ms since the epoch.
type names map[string]string

// match returns how got differs from want. New names are kept only where it
// does not differ.
func (n names) match(want, got any) error {
	trial := maps.Clone(n)
	if err := trial.compare("", want, got); err != nil {
		return err
	}
	maps.Copy(n, trial)
	return nil
}

func (n names) compare(path string, want, got any) error {
	if s, ok := want.(string); ok && strings.HasPrefix(s, "$") {
		return n.name(path, s, got)
	}
	switch w := want.(type) {
	case *object:
		g, ok := got.(*object)
		if !ok {
			return fmt.Errorf("%s is %s, want an object", place(path), jsonText(got))
		}
		for _, k := range w.keys {
			if _, there := g.m[k]; !there {
				return fmt.Errorf("%s is missing", path+"."+k)
			}
			if err := n.compare(path+"."+k, w.m[k], g.m[k]); err != nil {
				return err
			}
		}
		for _, k := range g.keys {
			if _, there := w.m[k]; !there && !maySay(w, path, k) {
				return fmt.Errorf("%s is not wanted", path+"."+k)
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf("%s is %s, want %d elements", place(path), jsonText(got), len(w))
		}
		for i := range w {
			if err := n.compare(path+"["+strconv.Itoa(i)+"]", w[i], g[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if want != got {
		return fmt.Errorf("%s is %s, want %s", place(path), jsonText(got), jsonText(want))
	}
	return nil
}

// maySay reports whether a frame may have a member that a transcript leaves out: a
// subscribed frame has a cursor as soon as the server knows enough to issue one.
func maySay(want *object, path, member string) bool {
	return path == "" && member == "cursor" && want.m["type"] == "subscribed"
}

func place(path string) string {
	if path == "" {
		return "the frame"
	}
	return path
}

func (n names) name(path, name string, got any) error {
	text := jsonText(got)
	if s, ok := got.(string); ok {
		text = s
	}
	if why := n.accept(name, text); why != nil {
		return fmt.Errorf("%s is %s, want %w", place(path), text, why)
	}
	return nil
}

// accept binds text to name, or returns what it should have been.
func (n names) accept(name, text string) error {
	switch name {
	case "$any":
		return nil
	case "$ts":
		if ms, err := strconv.ParseInt(text, 10, 64); err != nil || ms < 946684800000 || ms > 4102444800000 {
			return errors.New("a time in ms since the epoch")
		}
		return nil
	}
	if before, bound := n[name]; bound && before != text {
		return fmt.Errorf("%s as before: %s", name, before)
	}
	n[name] = text
	return nil
}

// replace puts the values of names into a line. Of two names with the same
// beginning, the longer one is replaced first.
func (n names) replace(s string) string {
	if !strings.Contains(s, "$") {
		return s
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(n))) {
		s = strings.ReplaceAll(s, name, n[name])
	}
	return s
}

// keepNames returns got with the names of want in place of the values at the
// same place, for -update.
func keepNames(want, got any) any {
	if s, ok := want.(string); ok && strings.HasPrefix(s, "$") {
		return s
	}
	switch g := got.(type) {
	case *object:
		w, ok := want.(*object)
		if !ok {
			return got
		}
		out := &object{keys: g.keys, m: map[string]any{}}
		for k, v := range g.m {
			out.m[k] = keepNames(w.m[k], v)
		}
		return out
	case []any:
		w, ok := want.([]any)
		if !ok {
			return got
		}
		out := slices.Clone(g)
		for i := range min(len(w), len(g)) {
			out[i] = keepNames(w[i], g[i])
		}
		return out
	}
	return got
}

func (n names) clone() names { return maps.Clone(n) }
