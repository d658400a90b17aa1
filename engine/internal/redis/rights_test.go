package redis

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pitwall/engine/internal/testenv"
)

// everyRight returns each right that can be tried, with a key where it has one.
func everyRight() (list []Right) {
	for _, name := range slices.Sorted(maps.Keys(trials)) {
		key := ""
		if slices.Contains(strings.Fields(trials[name]), "K") {
			key = "k"
		}
		list = append(list, Right{name, key})
	}
	return list
}

func TestMissingRightsNamesEachAndWritesNothing(t *testing.T) {
	s := testenv.Redis(t)
	setRules := func(rules ...string) {
		s.Do(append([]string{"ACL", "SETUSER", "bob", "reset", "on", ">pw", "~k"}, rules...)...)
	}
	all := everyRight()
	grant := make([]string, len(all))
	for i, r := range all {
		grant[i] = "+" + r.Command
	}
	setRules(append(grant, "+hello")...)
	c := open(t, "redis://bob:pw@"+s.Addr())
	missing := func() []Right {
		t.Helper()
		list, err := c.MissingRights(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := missing(); len(got) != 0 {
		t.Errorf("with all rights: %v is missing", got)
	}
	for i, r := range all {
		setRules(slices.Delete(slices.Clone(grant), i, i+1)...)
		if got := missing(); !slices.Equal(got, []Right{r}) {
			t.Errorf("without %v: %v is missing", r, got)
		}
	}
	setRules(append(slices.Clone(grant), "resetkeys")...)
	for _, r := range missing() {
		if r.Key == "" {
			t.Errorf("without the key: %v is missing", r)
		}
	}
	setRules(grant...)
	if got := missing(); len(got) != 0 {
		t.Errorf("with all rights again: %v is missing", got)
	}
	if n := s.Do("DBSIZE"); n != int64(0) {
		t.Errorf("%v keys were written", n)
	}
}

func TestCheckRights(t *testing.T) {
	conform(t, func(t *testing.T, c *Client, _ target) {
		if err := c.CheckRights(t.Context(), everyRight()); err != nil {
			t.Errorf("a login with all rights: %v", err)
		}
		if err := c.CheckRights(t.Context(), []Right{{"nonsense", ""}}); err == nil {
			t.Error("a command without a trial is no error")
		}
	})
	s := testenv.Redis(t)
	s.Do("ACL", "SETUSER", "bob", "on", ">pw", "~k", "+multi", "+get")
	c := open(t, "redis://bob:pw@"+s.Addr())
	err := c.CheckRights(t.Context(), append(Rights("k", "get", "xadd"), Rights("j", "get")...))
	if err == nil || !strings.HasSuffix(err.Error(), ": +xadd ~k, +get ~j") || IsConnection(err) {
		t.Errorf("got %v", err)
	}
	s.Stop()
	if err := c.CheckRights(t.Context(), Rights("k", "get")); !IsConnection(err) {
		t.Errorf("a stopped server: %v, want a lost connection", err)
	}
}
