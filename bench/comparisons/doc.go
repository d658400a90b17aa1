// Package comparisons holds benchmarks of the codec beside the libraries that
// one would take instead: encoding/json, and a fast one with the same API. It
// has tests only.
//
//	go test -bench . ./bench/comparisons
//
// The libraries have less to do: they check neither ranges nor attributes.
package comparisons
