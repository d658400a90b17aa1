package gauge

import (
	"errors"
	"time"
)

// kernelThreads is the id of the process that all kernel threads descend from.
const kernelThreads = 2

// ReadOthers is the CPU time, since their start, of all processes of this machine that
// do not descend from root. Kernel threads do not count. A process that has ended stays
// in the sum, because its time is added to that of its parent. In a container only the
// processes of the container are visible.
func ReadOthers(root int) (sum time.Duration, err error) {
	all := allStats()
	if len(all) == 0 {
		return 0, errors.New("read what other processes use: there is no process in /proc")
	}
	for pid, s := range all {
		if !descends(all, pid, root) && !descends(all, pid, kernelThreads) {
			sum += s.used()
		}
	}
	return sum, nil
}

// used is the CPU time of a process and of the children that it has waited for.
func (s stat) used() time.Duration { return s.CPU() + s.reaped }

// descends reports whether a process is root or one of its descendants.
func descends(all map[int]stat, pid, root int) bool {
	for range len(all) { // a table that changed while it was read may have a cycle
		s, ok := all[pid]
		if pid == root || !ok {
			return pid == root
		}
		pid = s.parent
	}
	return false
}
