// Package flagcheck checks the values of flags, so that a command names a wrong
// one before it starts anything. Join several checks with cmp.Or, which returns
// the first error.
//
// Its functions may be called from any goroutine.
package flagcheck

import (
	"cmp"
	"fmt"
)

// AtLeast returns an error when the value of a flag is below its minimum.
func AtLeast[T cmp.Ordered](flag string, v, least T) error {
	return Reject(v < least, "--%s is %v, the minimum is %v", flag, v, least)
}

// Reject returns an error with this text when a value is wrong.
func Reject(wrong bool, format string, v ...any) error {
	if !wrong {
		return nil
	}
	return fmt.Errorf(format, v...)
}
