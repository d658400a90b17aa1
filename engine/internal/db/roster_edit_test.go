package db

import (
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"pitwall/shard"
)

func TestEditRoster(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		importRows(t, d, false, RosterRow{2, "E1", "n1", "d1"}, RosterRow{3, "E1", "n1", "d2"}, RosterRow{4, "E1", "n2", "d1"}, RosterRow{5, "demo", "x", "d1"})
		for _, step := range []struct {
			filter RosterFilter
			dryRun bool
			want   RemoveResult
			left   []RosterRow
		}{
			{RosterFilter{Event: "E1"}, true, RemoveResult{1, 2, 3}, []RosterRow{{1, "E1", "n1", "d1"}, {2, "E1", "n1", "d2"}, {3, "E1", "n2", "d1"}, {4, "demo", "x", "d1"}}},
			{RosterFilter{Event: "demo"}, false, RemoveResult{1, 1, 1}, []RosterRow{{1, "E1", "n1", "d1"}, {2, "E1", "n1", "d2"}, {3, "E1", "n2", "d1"}}},
			{RosterFilter{Event: "nowhere"}, false, RemoveResult{}, []RosterRow{{1, "E1", "n1", "d1"}, {2, "E1", "n1", "d2"}, {3, "E1", "n2", "d1"}}},
			{RosterFilter{Event: "E1", Device: "d1"}, false, RemoveResult{0, 0, 2}, []RosterRow{{1, "E1", "n1", "d2"}, {2, "E1", "n2", ""}}},
			{RosterFilter{Entry: "n1"}, false, RemoveResult{0, 1, 1}, []RosterRow{{1, "E1", "n2", ""}}},
			{RosterFilter{Event: "E1", Entry: "n2"}, false, RemoveResult{0, 1, 0}, []RosterRow{{1, "E1", "", ""}}},
			{RosterFilter{Event: "E1"}, false, RemoveResult{1, 0, 0}, nil},
		} {
			got, err := d.RemoveFromRoster(t.Context(), step.filter, step.dryRun)
			if err != nil || got != step.want {
				t.Errorf("%+v: %+v, %v, want %+v", step.filter, got, err, step.want)
			}
			left, err := d.RosterRows(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			if d := diff.Diff(step.left, left); d != "" {
				t.Errorf("%+v: left (-want +got):\n%s", step.filter, d)
			}
		}
		if _, err := d.RemoveFromRoster(t.Context(), RosterFilter{}, false); err == nil {
			t.Error("an empty filter removed everything")
		}
		importRows(t, d, false, RosterRow{2, "E1", "n1", "d1"}, RosterRow{3, "E2", "n2", "d2"})
		if one, err := d.RosterRows(t.Context(), "E2"); err != nil || diff.Diff([]RosterRow{{1, "E2", "n2", "d2"}}, one) != "" {
			t.Errorf("one event: %v, %v", one, err)
		}
		if got := roster(t, d); diff.Diff(shard.Roster{Events: []string{"E1", "E2"}, Pairs: pairs("d1", "E1", "d2", "E2")}, got) != "" {
			t.Errorf("the roster is %v", got)
		}
	})
}
