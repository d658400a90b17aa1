package runner

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// runWhenIdle gives the threads of a process the processor time that nobody else
// wants (SCHED_IDLE, see sched(7)). Real attackers have machines of their own.
// Niceness is not enough here: each of many threads has a weight, and together
// they outweigh the engine. A thread inherits the policy of the one that starts
// it, so this goes on until it finds nothing left to change.
func runWhenIdle(pid int) error {
	for {
		changed, err := idleThreads(pid)
		if err != nil || !changed {
			return err
		}
	}
}

// idleThreads changes the threads that are there now. changed is false when all
// were idle threads already.
func idleThreads(pid int) (changed bool, err error) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return false, fmt.Errorf("list the threads of process %d: %w", pid, err)
	}
	for _, t := range threads {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return false, fmt.Errorf("list the threads of process %d: %w", pid, err)
		}
		attr, err := unix.SchedGetAttr(id, 0)
		if errors.Is(err, unix.ESRCH) || err == nil && attr.Policy == unix.SCHED_IDLE {
			continue // it has ended, or is idle
		}
		if err == nil {
			err = unix.SchedSetAttr(id, &unix.SchedAttr{Policy: unix.SCHED_IDLE}, 0)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return false, fmt.Errorf("set the scheduling policy of thread %d: %w", id, err)
		}
		changed = true
	}
	return changed, nil
}
