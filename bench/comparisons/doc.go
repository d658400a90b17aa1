// Package comparisons has benchmarks that compare the codec with encoding/json and with
// a faster library that has the same API. It contains tests only, so that the codec
// does not depend on that library.
//
//	go test -bench . ./bench/comparisons
//
// The libraries do less: they check neither ranges nor attributes.
package comparisons
