package clocks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"pitwall/bench/internal/pause"
	"pitwall/bench/internal/relay"
	"pitwall/bench/stack"
)

// race is the race on one Redis server, with its own stack, because the wrong clock
// of a server is the same for all of its streams.
type race struct {
	opt        Options
	server     server
	stack      *stack.Stack
	proxy      *relay.Relay
	streams    []*stream
	devices    []*device
	byName     map[string]*device
	references []*device
	screens    []*screen
	tally      *tally

	mu    sync.Mutex // guards state
	state state
}

// newRace makes the devices and the spectators of a race.
func newRace(o Options, srv server, t *tally) *race {
	r := &race{opt: o, server: srv, byName: map[string]*device{}, tally: t}
	// The reference devices have their own stream, with the clock of the same server.
	right := &stream{server: srv, key: "clocks:" + reference}
	wrong := &stream{server: srv, key: "clocks:" + srv.name}
	r.streams = []*stream{right, wrong}
	for i, k := range kinds() {
		s, copies := wrong, o.Devices
		switch {
		case k.name == reference:
			s, copies = right, referenceDevices
		case k.long && !o.long(), len(o.Kinds) > 0 && !slices.Contains(o.Kinds, k.name):
			copies = 0
		}
		for range copies {
			d := &device{name: fmt.Sprintf("%s.%s.%d", srv.name, k.name, len(r.devices)), index: len(r.devices), kind: kinds()[i], server: &s.server}
			s.devices, r.devices, r.byName[d.name] = append(s.devices, d), append(r.devices, d), d
			if k.name == reference {
				r.references = append(r.references, d)
			}
		}
	}
	all := forms()
	for i := range o.Spectators {
		r.screens = append(r.screens, &screen{race: r, form: all[i%len(all)], parts: -1, dots: make([]dot, len(r.devices))})
	}
	return r
}

// open starts the stack.
func (r *race) open(ctx context.Context, binaries *stack.Binaries) error {
	o := stack.Options{Postgres: true, Archive: true, Binaries: binaries}
	for _, d := range r.devices {
		o.Roster = append(o.Roster, stack.Entry{Event: event, Entry: d.name, Device: d.name})
	}
	var err error
	if r.stack, err = stack.Start(ctx, o); err != nil {
		return fmt.Errorf("start the race: %w", err)
	}
	if r.proxy, err = newProxy(r.stack.RedisAddr(), func() time.Duration { return r.off(time.Now()) }); err != nil {
		return err
	}
	var keys []string
	for _, s := range r.streams {
		keys = append(keys, s.key)
		if s.conn, err = r.stack.Dial(); err != nil {
			return fmt.Errorf("connect to Redis: %w", err)
		}
	}
	r.change(func(s *state) { s.start = time.Now() })
	e, err := r.stack.Add(ctx, append([]string{"--redis-url=redis://" + r.proxy.Addr(), "--telemetry-streams=" + strings.Join(keys, ",")}, r.opt.EngineArgs...)...)
	if err != nil {
		return fmt.Errorf("start the race: %w", err)
	}
	r.change(func(s *state) { s.addr = e.Addr })
	return nil
}

// off is the error of the server's clock at that time.
func (r *race) off(now time.Time) time.Duration {
	if r.server.own {
		return 0
	}
	return r.server.wrong(r.progress(now))
}

// run runs the race, leg by leg.
func (r *race) run(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	r.change(func(s *state) { s.start = time.Now() })
	for _, s := range r.screens {
		all.Go(func() { s.watch(watching) })
	}
	all.Go(func() { r.watchScreens(watching) })
	restarts := r.plannedRestarts()
	for leg := 1; ctx.Err() == nil; leg++ {
		left := r.opt.Duration - r.elapsed(time.Now())
		if left <= 0 {
			return nil
		}
		r.opt.Say(fmt.Sprintf("%s: leg %d, %d violations so far", r.server.name, leg, r.tally.violations()), min(left, r.opt.Leg).Round(time.Second))
		var with *restart
		if len(restarts) > 0 && r.elapsed(time.Now())+r.opt.Leg/2 >= restarts[0].at {
			with, restarts = &restarts[0], restarts[1:]
		}
		if err := r.runLeg(ctx, min(left, r.opt.Leg), with); err != nil {
			return err
		}
		r.change(func(s *state) { s.resting = time.Now() })
		if err := r.quiet(ctx); err != nil {
			return err
		}
		r.change(func(s *state) {
			s.waited += time.Since(s.resting)
			s.resting = time.Time{}
		})
	}
	return ctx.Err()
}

// restart is a planned restart of the engine.
type restart struct {
	at  time.Duration  // since the start of the race
	how syscall.Signal // that stops it
}

func (r *race) plannedRestarts() []restart {
	if r.opt.Steady {
		return nil
	}
	at := func(p float64) time.Duration { return time.Duration(p * float64(r.opt.Duration)) }
	return []restart{{at(0.4), syscall.SIGTERM}, {at(0.7), syscall.SIGKILL}}
}

// runLeg publishes for d. Unless with is nil it restarts the engine during that time.
func (r *race) runLeg(ctx context.Context, d time.Duration, with *restart) error {
	all, ctx := errgroup.WithContext(ctx)
	publishing, stop := context.WithTimeout(ctx, d)
	defer stop()
	for _, s := range r.streams {
		all.Go(func() error { return s.publish(publishing, r) })
	}
	if with != nil {
		all.Go(func() error {
			if err := pause.For(ctx, d/3); err != nil {
				return err
			}
			return r.restart(ctx, with.how)
		})
	}
	return all.Wait()
}

// restart stops the engine and starts it again.
func (r *race) restart(ctx context.Context, how syscall.Signal) error {
	r.opt.Say(fmt.Sprintf("%s: restarting the engine, %s", r.server.name, how), 0)
	r.restarting()
	e, err := r.stack.Restart(ctx, 0, how)
	if err != nil {
		return fmt.Errorf("restart the engine: %w", err)
	}
	r.change(func(s *state) { s.addr, s.between = e.Addr, false })
	r.tally.restarted()
	return nil
}

// restarting notes that the engine is about to stop.
func (r *race) restarting() {
	at := r.elapsed(time.Now())
	r.change(func(s *state) { s.restarts, s.between = append(s.restarts, at), true })
}

// failed is why spectators have given up, nil if none has.
func (r *race) failed() error {
	var errs []error
	for _, s := range r.screens {
		errs = append(errs, s.failed())
	}
	return errors.Join(errs...)
}

// close stops everything that was started.
func (r *race) close() error {
	for _, s := range r.streams {
		if s.conn != nil {
			s.conn.Close()
		}
	}
	var errs []error
	if r.stack != nil {
		errs = append(errs, r.stack.Close())
	}
	if r.proxy != nil {
		errs = append(errs, r.proxy.Close())
	}
	return errors.Join(errs...)
}
