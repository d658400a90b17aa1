// Package report holds the results of runs and presents them: as text, as JSON,
// as one HTML page that loads nothing from elsewhere, and as a comparison of two
// reports that separates changes from noise. Package runner fills a report in.
//
// Its functions may be called from any goroutine; only one goroutine may use a
// report at a time.
package report
