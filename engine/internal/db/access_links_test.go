package db

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTokensAndTheirEvents(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		now := time.Now().Truncate(time.Millisecond)
		links := []Token{
			{ID: "new", Link: true, Event: "rally", Expires: now.Add(2000 * 24 * time.Hour), MaxConnections: 3, Created: now},
			{ID: "old", Link: true, Event: "7", Expires: now.Add(-time.Hour), Created: now.Add(-48 * time.Hour)},
		}
		for _, l := range links {
			if err := d.SaveLink(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.SaveLink(t.Context(), links[0]); err == nil {
			t.Error("the same link was saved twice")
		}
		end := now.Add(time.Hour)
		for _, id := range []string{"new", "jti of the platform"} {
			if err := d.Revoke(t.Context(), id, end); err != nil {
				t.Fatal(err)
			}
		}
		links[0].Revoked = end
		other := Token{ID: "jti of the platform", Revoked: end}
		check := func(id string, want ...Token) {
			t.Helper()
			got, err := d.Tokens(t.Context(), id)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("%q: %v (-want +got):\n%s", id, err, diff)
			}
		}
		check("new", links[0])
		check("old", links[1])
		check("jti of the platform", other)
		check("nobody's")
		got, err := d.Tokens(t.Context(), "")
		if err != nil || len(got) != 3 {
			t.Errorf("all: %+v, %v", got, err)
		}

		importRows(t, d, false, RosterRow{2, "rally", "n1", "d1"})
		exec(t, d, "INSERT INTO pitwall_events (event_id, delay_s) VALUES ('rally', 60), ('nowhere', 0)")
		for id, want := range map[string][2]bool{"rally": {true, true}, "nowhere": {}, "other": {}} {
			if exists, delayed, err := d.FindEvent(t.Context(), id); err != nil || [2]bool{exists, delayed} != want {
				t.Errorf("event %s: %t, %t, %v; want %v", id, exists, delayed, err, want)
			}
		}
	})
}
