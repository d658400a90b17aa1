// Package rivals holds benchmarks of the codec beside what one would take
// instead: encoding/json and a fast library of the same shape. It stands
// outside the way of a position and has no code of its own, only tests.
//
//	go test -bench . ./bench/rivals
//
// The rivals have it easier: they check neither ranges nor attributes.
package rivals
