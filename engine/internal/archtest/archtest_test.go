package archtest

import (
	"slices"
	"strings"
	"testing"
)

// allRules returns every rule, with its list of exceptions.
func allRules() []rule {
	rules := slices.Concat(importRules, sizeRules, docRules, []rule{sleepRule, logKeyRule})
	for _, l := range listedRules {
		rules = append(rules, l.make(l.list))
	}
	return rules
}

func TestRules(t *testing.T) {
	files := loadTree(t)
	if len(files) < 20 {
		t.Fatalf("only %d files found: this is not the module's root", len(files))
	}
	for _, rule := range allRules() {
		t.Run(rule.name, func(t *testing.T) {
			found := rule.run(files)
			slices.SortFunc(found, func(a, b finding) int {
				if c := strings.Compare(a.path, b.path); c != 0 {
					return c
				}
				return a.line - b.line
			})
			for _, f := range found {
				t.Errorf("%s\n\tthe rule: %s", f, rule.reason)
			}
		})
	}
}

// TestListsHaveNoDeadLines takes each line out of its list. If the rule then finds
// nothing more, the line is not needed.
func TestListsHaveNoDeadLines(t *testing.T) {
	files := loadTree(t)
	for _, l := range listedRules {
		rule := l.make(l.list)
		found := len(rule.run(files))
		for i, line := range l.list {
			without := slices.Delete(slices.Clone(l.list), i, i+1)
			if len(l.make(without).run(files)) == found {
				t.Errorf("rule %q: nothing needs the line for %s: remove it", rule.name, line.files)
			}
			if line.reason == "" {
				t.Errorf("rule %q: the line for %s gives no reason", rule.name, line.files)
			}
		}
	}
}
