package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"pitwall/bench/report"
)

// untilStopped ends with Ctrl-C, with a SIGTERM, and when the terminal is gone,
// unless that is to be ignored (nohup).
func untilStopped() (context.Context, context.CancelFunc) {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return signal.NotifyContext(context.Background(), list...)
}

// interrupted is err, and says so where that is because of a Ctrl-C.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted, and what was started is stopped: %w", err)
	}
	return err
}

// once makes a run, and those that belong to it. What was measured to its end
// is in the report even if something behind that went wrong.
func (c *runCmd) once(r *run, rep *report.Report) error {
	err := r.do()
	if r.out.Figures == nil {
		return fmt.Errorf("run %s: %w", r.sc.name, err)
	}
	if err != nil {
		err = fmt.Errorf("end the run of %s: %w", r.sc.name, err)
	}
	if err == nil && c.Floor {
		if err = r.floor(); err != nil {
			err = fmt.Errorf("run the floor of %s: %w", r.sc.name, err)
		}
	}
	if err == nil && c.AgainstNone {
		other, oerr := r.withoutArchive()
		if other.Figures != nil {
			rep.Without = append(rep.Without, *other)
		}
		if oerr != nil {
			err = fmt.Errorf("run %s without the archive: %w", r.sc.name, oerr)
		}
	}
	rep.Runs = append(rep.Runs, *r.out)
	return err
}

// cutShort is what there is to report after an error, and what is said of it.
func (c *runCmd) cutShort(rep *report.Report, err error) (*report.Report, error) {
	n := len(rep.Runs)
	switch {
	case n == 0 && c.Runs == 1:
		return nil, err
	case n == 0:
		return nil, fmt.Errorf("no run is complete, so there is no report: %w", err)
	}
	rep.CutShort = fmt.Sprintf("%d of %s complete", n, report.Count(c.Runs, "run"))
	reason, _, _ := strings.Cut(err.Error(), "\n")
	err = fmt.Errorf("%s and reported, then: %w", rep.CutShort, err)
	rep.CutShort += ": " + reason
	return rep, err
}
