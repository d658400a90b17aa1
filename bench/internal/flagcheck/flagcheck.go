// Package flagcheck holds the rules that the values of flags have to meet, so
// that a wrong one is named before anything is started. A rule is a condition
// and an error text; the first rule that is broken is the error of the command.
//
// Its functions are pure: any goroutine may call them.
package flagcheck

import (
	"cmp"
	"errors"
	"fmt"
)

// Rule is a condition that must not hold, and the error text when it does.
type Rule struct {
	Broken bool
	Text   string
}

// AtLeast is broken when the value of a flag is below a bound.
func AtLeast[T cmp.Ordered](flag string, v, least T) Rule {
	return Rule{v < least, fmt.Sprintf("--%s is %v, at least is %v", flag, v, least)}
}

// First is the error of the first rule that is broken, nil when none is.
func First(rules ...Rule) error {
	for _, r := range rules {
		if r.Broken {
			return errors.New(r.Text)
		}
	}
	return nil
}
