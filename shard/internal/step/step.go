// Package step has the hooks at which a test may decide which goroutine goes
// next. Lock-free code calls Point before each access to memory that other
// goroutines see. In a normal build Point is empty and costs nothing. Under the
// build tag ringmodel it hands control to Explore, which plays every order in
// which the goroutines of a small model can take their steps.
//
// # Why not the race detector
//
// The race detector finds accesses without an order between them. It does not
// find an order of atomics that loses a wake-up or overwrites a slot, and a
// stress test meets such an order by chance only. Explore meets all of them, up
// to a bound on preemptions, and plays a schedule that fails again when it is
// given the same choices.
//
// # Caveats
//
// Between two calls of Point a goroutine runs undisturbed, so an access without
// a Point before it is not explored. Explore plays sequentially consistent
// memory, which is what Go's atomics promise; plain accesses are for the race
// detector. Only one Explore may run at a time.
package step
