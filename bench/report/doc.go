// Package report holds what load runs have found, and shows it: as text, as
// JSON for machines, as one HTML file that loads nothing from elsewhere, and
// as a comparison of two reports that tells a change from noise. It computes
// nothing about positions; the harness fills it in.
//
// All functions may be called from any goroutine on reports of the caller's.
package report
