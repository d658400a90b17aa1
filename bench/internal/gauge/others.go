package gauge

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// kernelThreads is the process from which all threads of the kernel descend.
const kernelThreads = 2

// relative says whose child a process is, and what it has used.
type relative struct {
	parent int
	used   time.Duration // with its children that have ended and were waited for
}

// ReadOthers is the processor time, since their start, of the processes of this
// machine that do not descend from root, without the kernel's threads. When a
// process ends, its time stays in the sum, as its parent takes it over. In a
// container only the processes of the container are seen.
func ReadOthers(root int) (time.Duration, error) {
	lines := statLines()
	if len(lines) == 0 {
		return 0, errors.New("read what other processes use: none is to be seen in /proc")
	}
	all := make(map[int]relative, len(lines))
	for pid, text := range lines {
		if r, err := parseRelative(text); err == nil {
			all[pid] = r
		}
	}
	var sum time.Duration
	for pid, r := range all {
		if !descends(all, pid, root) && !descends(all, pid, kernelThreads) {
			sum += r.used
		}
	}
	return sum, nil
}

// descends reports whether a process is root or a descendant of it.
func descends(all map[int]relative, pid, root int) bool {
	for range len(all) { // a table that was read while it changed may have a cycle
		if pid == root {
			return true
		}
		r, ok := all[pid]
		if !ok {
			return false
		}
		pid = r.parent
	}
	return false
}

// parseRelative reads a line as proc(5) describes it: ppid, utime, stime,
// cutime and cstime.
func parseRelative(text string) (r relative, err error) {
	_, rest, ok := cutLast(text, ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 15 {
		return r, fmt.Errorf("read whose a process is: unknown line %q", text)
	}
	if r.parent, err = strconv.Atoi(f[1]); err != nil {
		return r, fmt.Errorf("read whose a process is: %w", err)
	}
	for _, at := range []int{11, 12, 13, 14} {
		n, err := strconv.ParseInt(f[at], 10, 64)
		if err != nil {
			return r, fmt.Errorf("read whose a process is: %w", err)
		}
		r.used += time.Duration(n) * clockTick
	}
	return r, nil
}
