//go:build ringmodel

package step

// hook is set while Explore plays a schedule.
var hook func()

// Point marks the moment before an access to shared memory: while a schedule is
// played, another goroutine may go first.
func Point() {
	if hook != nil {
		hook()
	}
}
