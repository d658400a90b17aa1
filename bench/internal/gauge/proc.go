package gauge

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc (USER_HZ): 1/100 s on every Linux
// that Go supports.
const clockTick = 10 * time.Millisecond

// Process is what a process has used.
type Process struct {
	User, Sys time.Duration // since its start
	RSS       int64         // bytes
}

// CPU is user and system time together.
func (p Process) CPU() time.Duration { return p.User + p.Sys }

// Since is the time used since an earlier reading; RSS is the current one.
func (p Process) Since(before Process) Process {
	return Process{p.User - before.User, p.Sys - before.Sys, p.RSS}
}

// Add adds what another process has used.
func (p *Process) Add(o Process) {
	p.User, p.Sys, p.RSS = p.User+o.User, p.Sys+o.Sys, p.RSS+o.RSS
}

// ReadProcess reads /proc/<pid>/stat.
func ReadProcess(pid int) (Process, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, fmt.Errorf("read what a process uses: %w", err)
	}
	s, err := parseStat(string(b))
	return s.Process, err
}

// ReadTree reads a process and its children together, for example PostgreSQL.
func ReadTree(pid int) (Process, error) {
	all, err := ReadProcess(pid)
	if err != nil {
		return all, err
	}
	for _, s := range allStats() {
		if s.parent == pid {
			all.Add(s.Process)
		}
	}
	return all, nil
}

// stat is a line of /proc/<pid>/stat.
type stat struct {
	Process
	parent int
	reaped time.Duration // CPU time of children that have ended and were waited for
}

// allStats are the lines of all visible processes, by process id.
func allStats() map[int]stat {
	names, _ := filepath.Glob("/proc/[0-9]*/stat") // fails for a bad pattern only
	all := make(map[int]stat, len(names))
	for _, name := range names {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		if s, err := parseStat(string(b)); err == nil {
			all[pid] = s
		}
	}
	return all
}

// parseStat reads a line as described in proc(5): ppid, utime, stime, cutime,
// cstime, and rss in pages. The process name in parentheses may contain anything.
func parseStat(text string) (stat, error) {
	_, rest, ok := cutLast(text, ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 22 {
		return stat{}, fmt.Errorf("read what a process uses: unknown line %q", text)
	}
	var v [6]int64
	for i, at := range []int{1, 11, 12, 13, 14, 21} {
		n, err := strconv.ParseInt(f[at], 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("read what a process uses: %w", err)
		}
		v[i] = n
	}
	ticks := func(n int64) time.Duration { return time.Duration(n) * clockTick }
	return stat{Process{ticks(v[1]), ticks(v[2]), v[5] * int64(os.Getpagesize())}, int(v[0]), ticks(v[3] + v[4])}, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Machine is the time of all CPUs since the machine was started.
type Machine struct {
	Busy, Idle time.Duration
	// SoftIRQ is the part of Busy that the kernel spent on deferred work of
	// interrupts, such as receiving packets. A kernel with
	// CONFIG_IRQ_TIME_ACCOUNTING charges it to no process. Others also charge it to
	// the process that was interrupted.
	SoftIRQ time.Duration
	Steal   time.Duration // given to other machines by the hypervisor
}

// Since is the time since an earlier reading.
func (m Machine) Since(before Machine) Machine {
	return Machine{m.Busy - before.Busy, m.Idle - before.Idle, m.SoftIRQ - before.SoftIRQ, m.Steal - before.Steal}
}

// All is the sum of busy, idle and stolen time.
func (m Machine) All() time.Duration { return m.Busy + m.Idle + m.Steal }

// ReadMachine reads /proc/stat.
func ReadMachine() (Machine, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Machine{}, fmt.Errorf("read what the machine does: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return parseMachine(string(line))
}

// parseMachine reads the first line: user nice system idle iowait irq softirq
// steal. The fields after that are contained in user and nice.
func parseMachine(line string) (Machine, error) {
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return Machine{}, fmt.Errorf("read what the machine does: unknown line %q", line)
	}
	var v [8]time.Duration
	for i := range v {
		n, err := strconv.ParseInt(f[i+1], 10, 64)
		if err != nil {
			return Machine{}, fmt.Errorf("read what the machine does: %w", err)
		}
		v[i] = time.Duration(n) * clockTick
	}
	return Machine{Busy: v[0] + v[1] + v[2] + v[5] + v[6], Idle: v[3] + v[4], SoftIRQ: v[6], Steal: v[7]}, nil
}
