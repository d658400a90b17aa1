package db

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRosterCSV(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []RosterRow
	}{
		{"plain", "event_id,entry_id,device_id\nE1,n1,d1\nE1,n2,d2\n",
			[]RosterRow{{2, "E1", "n1", "d1"}, {3, "E1", "n2", "d2"}}},
		{"any order, other columns, byte order mark, spaces, line ends", "\ufeffdevice_id , Name,Entry_ID,EVENT_ID\r\n d1,Ana, n1 ,E1\r\n\r\nd2,,n2,E1",
			[]RosterRow{{2, "E1", "n1", "d1"}, {4, "E1", "n2", "d2"}}},
		{"quotes", "event_id,entry_id,device_id,note\n\"E,1\",\"n \"\"1\"\"\",d1,\"two\nlines\"\nE2,n2,d2,\n",
			[]RosterRow{{2, "E,1", `n "1"`, "d1"}, {4, "E2", "n2", "d2"}}},
		{"a row twice", "event_id,entry_id,device_id\nE1,n1,d1\nE1,n1,d1\n",
			[]RosterRow{{2, "E1", "n1", "d1"}, {3, "E1", "n1", "d1"}}},
		{"header only", "event_id,entry_id,device_id\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := ParseRosterCSV(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRosterCSVNamesEveryBadRow(t *testing.T) {
	const header = "event_id,entry_id,device_id\n"
	tests := []struct {
		name string
		text string
		want []string // the error's lines
	}{
		{"empty file", "", []string{"line 1: empty, want the header event_id,entry_id,device_id"}},
		{"no header", "E1,n1,d1\n", []string{
			"line 1, column event_id: not in the header, want event_id,entry_id,device_id",
			"line 1, column entry_id: not in the header, want event_id,entry_id,device_id",
			"line 1, column device_id: not in the header, want event_id,entry_id,device_id"}},
		{"an unknown column", "event;entry_id;device_id\nE1;n1;d1\n", []string{
			"line 1, column event_id: not in the header, want event_id,entry_id,device_id",
			`line 1: the header also has ["event"]`}},
		{"a column twice", "event_id,entry_id,device_id,event_id\n", []string{"line 1, column event_id: twice in the header"}},
		{"values", header + "E1,,d1\nok,n9,d9\n,n2,\nE1,n3,d\u00e9\nE1,n4," + strings.Repeat("d", 65) + "\nE\x01,n5,d5\nE1,n\xff,d6\n", []string{
			"line 2, column entry_id: empty",
			"line 4, column event_id: empty",
			"line 4, column device_id: empty",
			`line 5, column device_id: "dé" has a character that is not printable ASCII`,
			"line 6, column device_id: 65 characters, at most 64",
			`line 7, column event_id: "E\x01" has a character that is not printable`,
			"line 8, column entry_id: not UTF-8"}},
		{"short row", header + "E1,n1\nE1,n2,d2\n", []string{"line 2, column device_id: missing, the row has 2 columns"}},
		{"a syntax error and a later row", header + "E1,n\"1,d1\nE1,,d2\n", []string{
			`line 2, column 5: bare " in non-quoted-field`,
			"line 3, column entry_id: empty"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, _, err := ParseRosterCSV(strings.NewReader(tt.text))
			if err == nil {
				t.Fatalf("no error, rows %v", rows)
			}
			if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRosterCSVIsBounded(t *testing.T) {
	text := "event_id,entry_id,device_id\n" + strings.Repeat("E1,n1,\n", 1000)
	_, _, err := ParseRosterCSV(strings.NewReader(text))
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 101 || lines[100] != "and 900 more" {
		t.Errorf("%d lines, the last %q; want 101, the last saying that there are 900 more", len(lines), lines[len(lines)-1])
	}
}

// Spreadsheets of many countries write semicolons. Columns that are not used are named.
func TestParseRosterCSVOfSpreadsheets(t *testing.T) {
	want := []RosterRow{{2, "E1", "n1", "a,b"}, {3, "E1", "n2", "d;2"}}
	for _, text := range []string{
		"\ufeffevent_id;name;entry_id;device_id;\"start, wave\"\r\nE1;Ada;n1;a,b;x\r\nE1;Bob;n2;\"d;2\";y\r\n",
		"event_id\tname\tentry_id\tdevice_id\tstart, wave\nE1\tAda\tn1\ta,b\tx\nE1\tBob\tn2\td;2\ty\n",
		"event_id,name,entry_id,device_id,\"start, wave\"\nE1,Ada,n1,\"a,b\",x\nE1,Bob,n2,d;2,y\n",
	} {
		rows, ignored, err := ParseRosterCSV(strings.NewReader(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if d := cmp.Diff(want, rows); d != "" {
			t.Errorf("%q: rows (-want +got):\n%s", text, d)
		}
		if d := cmp.Diff([]string{"name", "start, wave"}, ignored); d != "" {
			t.Errorf("%q: ignored (-want +got):\n%s", text, d)
		}
	}
}
