package report

import "fmt"

// Count writes a number with a noun: "1 gap", "2 gaps".
func Count[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
