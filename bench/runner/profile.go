package runner

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/report"
)

// profilePage is the page of a kind of profile at the engine's private listener. %d is
// the length in seconds.
var profilePage = map[string]string{
	"cpu": "profile?seconds=%d", "trace": "trace?seconds=%d", "mutex": "mutex?seconds=%d", "block": "block?seconds=%d",
	"heap": "heap", "goroutine": "goroutine",
}

// profile takes the profiles that the flags ask for, of the first engine in the steady
// phase, and saves them. It takes one after the other, because a trace would be visible
// in a CPU profile.
func (r *run) profile() error {
	kinds := r.opt.Profile
	if len(kinds) == 0 {
		return nil
	}
	dir := r.opt.ProfileDir
	if dir == "" {
		dir = filepath.Dir(r.opt.JSON) // "." without a report
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for profiles: %w", err)
	}
	timed := 0
	for _, k := range kinds {
		if strings.Contains(profilePage[k], "%d") {
			timed++
		}
	}
	seconds := max(1, int((r.plan.Duration-time.Second).Seconds())/max(1, timed))
	for _, k := range kinds {
		page := profilePage[k]
		if strings.Contains(page, "%d") {
			page = fmt.Sprintf(page, seconds)
		}
		b, err := gauge.Get(r.ctx, "http://"+r.stack.Engines[0].Ops+"/debug/pprof/"+page)
		if err != nil {
			return fmt.Errorf("take the profile %s: %w", k, err)
		}
		p := report.Profile{Kind: k, File: filepath.Join(dir, r.ident+"."+k+".pprof")}
		if k == "trace" {
			p.File = strings.TrimSuffix(p.File, "pprof") + "out"
		}
		if err := os.WriteFile(p.File, b, 0o644); err != nil {
			return fmt.Errorf("save the profile %s: %w", k, err)
		}
		if k == "cpu" {
			if err := readCPU(&p, b); err != nil {
				return err
			}
		}
		r.out.Profile = append(r.out.Profile, p)
	}
	return nil
}

// topLines is the number of functions of a profile that are shown.
const topLines = 12

// readCPU works out where the time of a CPU profile was spent: by function, by
// component, and inside system calls.
func readCPU(p *report.Profile, b []byte) error {
	prof, err := profile.Parse(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("read the CPU profile: %w", err)
	}
	flat := map[string]float64{}
	components, total := byComponent(prof)
	for _, s := range prof.Sample {
		v := float64(s.Value[len(s.Value)-1])
		name, system := top(s)
		flat[name] += v
		p.Samples += s.Value[0]
		if system {
			p.Kernel += v
		}
	}
	if total == 0 {
		return nil
	}
	p.Kernel /= total
	p.Top, p.Components = shares(flat, total), shares(components, total)
	p.Top = p.Top[:min(topLines, len(p.Top))]
	return nil
}

// byComponent adds up the values of a profile by the labels of the engine's
// goroutines.
func byComponent(prof *profile.Profile) (components map[string]float64, total float64) {
	components = map[string]float64{}
	for _, s := range prof.Sample {
		name := "runtime and others"
		if l := s.Label["component"]; len(l) > 0 {
			name = l[0]
			if t := s.Label["task"]; len(t) > 0 {
				name += "/" + t[0]
			}
		}
		v := float64(s.Value[len(s.Value)-1])
		components[name] += v
		total += v
	}
	return components, total
}

// typeArguments are removed from the names of functions, because they are long.
var typeArguments = regexp.MustCompile(`\[.*\]`)

// top is the name of the function at the top of a sample's stack. For a system call it
// is that of the caller, which says which call it is.
func top(s *profile.Sample) (name string, system bool) {
	var names []string
	for _, loc := range s.Location {
		for _, line := range loc.Line {
			names = append(names, line.Function.Name)
		}
		if len(names) > 8 {
			break
		}
	}
	if len(names) == 0 {
		return "unknown", false
	}
	if !strings.HasSuffix(names[0], ".Syscall6") && !strings.HasSuffix(names[0], ".RawSyscall6") {
		return typeArguments.ReplaceAllString(names[0], ""), false
	}
	for _, n := range names {
		if !strings.Contains(n, "yscall") {
			return "system call of " + n, true
		}
	}
	return names[0], true
}

// shares are the shares of a total, the largest first.
func shares(by map[string]float64, total float64) (list []report.Line) {
	for name, v := range by {
		list = append(list, report.Line{Name: name, Share: v / total})
	}
	slices.SortFunc(list, func(a, b report.Line) int { return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name)) })
	return list
}
