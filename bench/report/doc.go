// Package report holds what runs have found, and shows it: as text, as JSON for
// machines, as one HTML file that loads nothing from elsewhere, and as a
// comparison of two reports that separates changes from noise. Package runner
// fills it in.
//
// Any goroutine may call its functions; a report belongs to one at a time.
package report
