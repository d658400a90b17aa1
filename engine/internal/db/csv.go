package db

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// RosterRow says that a device takes part in an event as an entry. Line is its line in
// the file, for messages.
type RosterRow struct {
	Line                       int
	EventID, EntryID, DeviceID string
}

// rosterColumns are the columns of a roster file.
var rosterColumns = [3]string{"event_id", "entry_id", "device_id"}

func (r *RosterRow) field(i int) *string {
	return [3]*string{&r.EventID, &r.EntryID, &r.DeviceID}[i]
}

// maxBadRows bounds how many bad rows an error names.
const maxBadRows = 100

// longestID is the longest event or entry id, in bytes.
const longestID = 200

// badRows collects the errors of rows, up to maxBadRows.
type badRows struct {
	errs []error
	more int
}

func (b *badRows) add(line int, column string, format string, args ...any) {
	if len(b.errs) == maxBadRows {
		b.more++
		return
	}
	where := fmt.Sprintf("line %d: ", line)
	if column != "" {
		where = fmt.Sprintf("line %d, column %s: ", line, column)
	}
	b.errs = append(b.errs, errors.New(where+fmt.Sprintf(format, args...)))
}

// err joins all errors, one per line, or returns nil.
func (b *badRows) err() error {
	if b.more > 0 {
		return errors.Join(append(b.errs, fmt.Errorf("and %d more", b.more))...)
	}
	return errors.Join(b.errs...)
}

// ParseRosterCSV reads a roster: a header with the columns event_id, entry_id
// and device_id in any order, and then one row per device of an entry. Other columns are
// ignored and returned by name. Values are separated by commas, or by semicolons or tabs
// if the header is. Spaces around a value and empty lines are ignored; rows may repeat.
// The error names the first 100 bad rows, one per line, with line and column.
func ParseRosterCSV(r io.Reader) (rows []RosterRow, ignored []string, err error) {
	text := bufio.NewReader(r)
	c := csv.NewReader(text)
	c.Comma = separator(text)
	c.FieldsPerRecord = -1
	c.ReuseRecord = true
	places, ignored, err := readHeader(c)
	if err != nil {
		return nil, ignored, err
	}
	rows, err = readRows(c, places)
	return rows, ignored, err
}

// separator returns the character that separates the columns of the first line, without
// reading it: spreadsheets write semicolons where the comma is the decimal point.
func separator(text *bufio.Reader) rune {
	begin, _ := text.Peek(1024) // an error comes again with the next read
	line, _, _ := strings.Cut(string(begin), "\n")
	best, most := ',', strings.Count(line, ",")
	for _, c := range []rune{';', '\t'} {
		if n := strings.Count(line, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// readRows reads everything after the header.
func readRows(c *csv.Reader, places [3]int) ([]RosterRow, error) {
	var rows []RosterRow
	var bad badRows
	for {
		record, err := c.Read()
		if err == io.EOF {
			break
		}
		if syntax, ok := errors.AsType[*csv.ParseError](err); ok {
			bad.add(syntax.Line, fmt.Sprint(syntax.Column), "%v", syntax.Err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the roster: %w", err)
		}
		line, _ := c.FieldPos(0)
		if row, ok := parseRow(line, record, places, &bad); ok {
			rows = append(rows, row)
		}
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	return rows, nil
}

// readHeader returns the position of each of rosterColumns, and the other columns.
func readHeader(c *csv.Reader) (places [3]int, unknown []string, err error) {
	places = [3]int{-1, -1, -1}
	record, err := c.Read()
	if err == io.EOF {
		return places, nil, errors.New("line 1: empty, want the header event_id,entry_id,device_id")
	}
	if err != nil {
		return places, nil, fmt.Errorf("read the roster's header: %w", err)
	}
	var bad badRows
	for i, name := range record {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff") // spreadsheets mark UTF-8 with it
		}
		name = strings.TrimSpace(name)
		if !slices.ContainsFunc(rosterColumns[:], func(c string) bool { return strings.EqualFold(c, name) }) {
			unknown = append(unknown, strings.Clone(name))
		}
		for k, want := range rosterColumns {
			if !strings.EqualFold(name, want) {
				continue
			}
			if places[k] >= 0 {
				bad.add(1, want, "twice in the header")
			}
			places[k] = i
		}
	}
	for k, at := range places {
		if at < 0 {
			bad.add(1, rosterColumns[k], "not in the header, want event_id,entry_id,device_id")
		}
	}
	if len(bad.errs) > 0 && len(unknown) > 0 && len(unknown) < len(record) {
		bad.add(1, "", "the header also has %q", unknown)
	}
	return places, unknown, bad.err()
}

func parseRow(line int, record []string, places [3]int, bad *badRows) (RosterRow, bool) {
	row := RosterRow{Line: line}
	ok := true
	for k, at := range places {
		if at >= len(record) {
			bad.add(line, rosterColumns[k], "missing, the row has %d columns", len(record))
			ok = false
			continue
		}
		v := strings.Clone(strings.TrimSpace(record[at]))
		if reason := invalidID(v, k == 2); reason != "" {
			bad.add(line, rosterColumns[k], "%s", reason)
			ok = false
		}
		*row.field(k) = v
	}
	return row, ok
}

// invalidID says why v cannot be an id, or returns "". Ids of devices follow contract
// 1, because the decoder refuses records with other ids.
func invalidID(v string, device bool) string {
	switch {
	case v == "":
		return "empty"
	case device && len(v) > longestDevice:
		return fmt.Sprintf("%d characters, at most %d", len(v), longestDevice)
	case len(v) > longestID:
		return fmt.Sprintf("%d bytes, at most %d", len(v), longestID)
	case !utf8.ValidString(v):
		return "not UTF-8"
	}
	for _, r := range v {
		if !unicode.IsPrint(r) || device && r >= utf8.RuneSelf {
			return fmt.Sprintf("%q has a character that is not printable%s", v, map[bool]string{true: " ASCII"}[device])
		}
	}
	return ""
}

// checkEntries reports rows that assign an entry to another event than an earlier row.
func checkEntries(rows []RosterRow, bad *badRows) {
	first := make(map[string]*RosterRow, len(rows))
	for i := range rows {
		r := &rows[i]
		f, seen := first[r.EntryID]
		if !seen {
			first[r.EntryID] = r
		} else if f.EventID != r.EventID {
			bad.add(r.Line, "event_id", "entry %s is in event %s here and in %s on line %d", r.EntryID, r.EventID, f.EventID, f.Line)
		}
	}
}
