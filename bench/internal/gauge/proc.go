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

// clockTick is the unit of processor times in /proc, 1/100 s on every Linux
// that Go runs on (USER_HZ).
const clockTick = 10 * time.Millisecond

// Process is what a process has used.
type Process struct {
	User, Sys time.Duration // since its start
	RSS       int64         // bytes
}

// CPU is user and system time together.
func (p Process) CPU() time.Duration { return p.User + p.Sys }

// Since is the time used since before; RSS stays.
func (p Process) Since(before Process) Process {
	return Process{p.User - before.User, p.Sys - before.Sys, p.RSS}
}

// ReadProcess reads /proc/<pid>.
func ReadProcess(pid int) (Process, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, fmt.Errorf("read what a process uses: %w", err)
	}
	return parseStat(string(b))
}

// ReadTree reads a process and its children together, such as a PostgreSQL.
func ReadTree(pid int) (Process, error) {
	all, err := ReadProcess(pid)
	if err != nil {
		return all, err
	}
	for _, text := range statLines() {
		if r, err := parseRelative(text); err != nil || r.parent != pid {
			continue
		}
		if p, err := parseStat(text); err == nil {
			all.User += p.User
			all.Sys += p.Sys
			all.RSS += p.RSS
		}
	}
	return all, nil
}

// statLines are the lines of all processes that can be seen, by their number.
func statLines() map[int]string {
	names, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is a good one
	lines := make(map[int]string, len(names))
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			lines[pid] = string(b)
		}
	}
	return lines
}

// parseStat reads a line as proc(5) describes it; the name in parentheses may
// hold anything.
func parseStat(text string) (Process, error) {
	_, rest, ok := cutLast(text, ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 22 {
		return Process{}, fmt.Errorf("read what a process uses: unknown line %q", text)
	}
	var v [3]int64
	for i, at := range []int{11, 12, 21} { // utime, stime, rss in pages
		n, err := strconv.ParseInt(f[at], 10, 64)
		if err != nil {
			return Process{}, fmt.Errorf("read what a process uses: %w", err)
		}
		v[i] = n
	}
	return Process{time.Duration(v[0]) * clockTick, time.Duration(v[1]) * clockTick, v[2] * int64(os.Getpagesize())}, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Machine is the time of all processors since the start of the machine.
type Machine struct {
	Busy, Idle time.Duration
	// SoftIRQ is the part of Busy that the kernel spent on deferred work of
	// interrupts, such as receiving packets. A kernel with
	// CONFIG_IRQ_TIME_ACCOUNTING counts it for no process, another one also for the
	// process in which it happened.
	SoftIRQ time.Duration
	Steal   time.Duration // that the hypervisor gave to another machine
}

// Since is the time since before.
func (m Machine) Since(before Machine) Machine {
	return Machine{m.Busy - before.Busy, m.Idle - before.Idle, m.SoftIRQ - before.SoftIRQ, m.Steal - before.Steal}
}

// All is the whole time of the processors.
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
// steal; what follows is part of user.
func parseMachine(line string) (m Machine, err error) {
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return m, fmt.Errorf("read what the machine does: unknown line %q", line)
	}
	for i, text := range f[1:9] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return m, fmt.Errorf("read what the machine does: %w", err)
		}
		d := time.Duration(n) * clockTick
		switch i {
		case 3, 4:
			m.Idle += d
		case 7:
			m.Steal += d
		default:
			m.Busy += d
			if i == 6 {
				m.SoftIRQ += d
			}
		}
	}
	return m, nil
}

// Add adds what another process has used.
func (p *Process) Add(o Process) {
	p.User, p.Sys, p.RSS = p.User+o.User, p.Sys+o.Sys, p.RSS+o.RSS
}
