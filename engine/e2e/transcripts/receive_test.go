package transcripts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pitwall/engine/e2e/e2etest"

	"github.com/coder/websocket"
)

// receive takes a frame for each line of the group and compares them.
func (r *runner) receive(group []*step) error {
	c, err := r.client(group[0].actor)
	if err != nil {
		return err
	}
	if len(group) > 1 {
		return r.receiveAny(c, group)
	}
	st := group[0]
	want, err := parseJSON(st.rest)
	if err != nil {
		return fmt.Errorf("the line is no JSON: %w", err)
	}
	var got any
	if isWhole(want) {
		got, err = r.wholeSnapshot(c)
	} else {
		got, err = r.frame(c)
	}
	if err != nil {
		return r.missing(st, err)
	}
	if err := r.names.match(want, got); err != nil {
		return r.mismatch(c, st, want, got, err)
	}
	return nil
}

func (r *runner) frame(c *client) (any, error) {
	within := e2etest.Patience
	if r.update {
		within = time.Second
	}
	f, err := c.next(within)
	return f.json, err
}

// missing removes the line of a frame that did not come, under -update.
func (r *runner) missing(st *step, err error) error {
	if r.update && errors.Is(err, errNothing) {
		r.transcript.replace(st.at, st.at+1)
		return nil
	}
	return err
}

func (r *runner) mismatch(c *client, st *step, want, got any, why error) error {
	if r.update {
		line := r.transcript.lines[st.at]
		prefix := line[:len(line)-len(st.rest)]
		r.transcript.replace(st.at, st.at+1, prefix+jsonText(keepNames(want, got)))
		return nil
	}
	text := fmt.Sprintf("%v\nwant %s\ngot  %s", why, jsonText(want), jsonText(got))
	for range 10 { // what follows often tells what is wrong
		f, err := c.next(0)
		if err != nil {
			break
		}
		text += "\nthen " + f.Text
	}
	return errors.New(text)
}

// receiveAny takes the frames of a group in any order.
func (r *runner) receiveAny(c *client, group []*step) error {
	left := slices.Clone(group)
	for range group {
		got, err := r.frame(c)
		if err != nil {
			return fmt.Errorf("%d frames of the group are missing, the first is in line %d: %w", len(left), left[0].at+1, err)
		}
		var why error
		at := slices.IndexFunc(left, func(st *step) bool {
			want, err := parseJSON(st.rest)
			if err == nil {
				err = r.names.match(want, got)
			}
			why = errors.Join(why, err)
			return err == nil
		})
		if at < 0 && r.update {
			at = 0
			want, _ := parseJSON(left[0].rest) // nil keeps no names
			why = r.mismatch(c, left[0], want, got, why)
		} else if at >= 0 {
			why = nil
		}
		if why != nil {
			return fmt.Errorf("no line of the group matches the frame\n%s\n%w", jsonText(got), why)
		}
		left = slices.Delete(left, at, at+1)
	}
	return nil
}

// isWhole reports whether want is a snapshot with all its parts.
func isWhole(want any) bool {
	o, ok := want.(*object)
	return ok && o.m["type"] == "snapshot" && o.m["part"] == "$all"
}

// wholeSnapshot merges the parts of a snapshot, which come in any order, into
// one frame with all positions by device.
func (r *runner) wholeSnapshot(c *client) (any, error) {
	var whole *object
	var positions []any
	seen := map[string]bool{}
	for {
		got, err := r.frame(c)
		if err != nil {
			return nil, err
		}
		part, ok := got.(*object)
		if !ok || part.m["type"] != "snapshot" {
			return nil, fmt.Errorf("%d parts of a snapshot have come, and then this: %s", len(seen), jsonText(got))
		}
		number, parts := jsonText(part.m["part"]), jsonText(part.m["parts"])
		if seen[number] {
			return nil, fmt.Errorf("part %s has come before: %s", number, jsonText(got))
		}
		seen[number] = true
		list, _ := part.m["positions"].([]any)
		positions = append(positions, list...)
		part.m["part"], part.m["positions"] = "$all", []any{}
		if whole == nil {
			whole = part
		} else if jsonText(part) != jsonText(whole) {
			return nil, fmt.Errorf("the parts do not belong together: %s and %s", jsonText(whole), jsonText(part))
		}
		if fmt.Sprint(len(seen)) == parts {
			break
		}
	}
	for i := range seen {
		if n := len(seen); i < "1" || len(i) > len(fmt.Sprint(n)) || len(i) == len(fmt.Sprint(n)) && i > fmt.Sprint(n) {
			return nil, fmt.Errorf("part %s of %d", i, n)
		}
	}
	slices.SortStableFunc(positions, func(a, b any) int { return strings.Compare(deviceOf(a), deviceOf(b)) })
	whole.m["positions"] = positions
	return whole, nil
}

func deviceOf(position any) string {
	if o, ok := position.(*object); ok {
		return fmt.Sprint(o.m["deviceId"])
	}
	return ""
}

// closed waits until the server has closed with the code, and checks that no
// frame came before.
func (r *runner) closed(c *client, code string, at int) error {
	var extra []frame
	for {
		f, err := c.next(e2etest.Patience)
		if err == nil {
			extra = append(extra, f)
			continue
		}
		if got := fmt.Sprint(int(websocket.CloseStatus(err))); got != code {
			return fmt.Errorf("closed with %s: %w", got, err)
		}
		return r.unwanted(c, extra, at)
	}
}
