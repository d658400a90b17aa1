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

	"pitwall/bench/site"
	"pitwall/engine/servers"
)

// Options say how long the race is and who takes part.
type Options struct {
	Duration   time.Duration // of the publishing
	Every      time.Duration // between two records of a device
	Leg        time.Duration // of publishing, after which all screens are compared
	Devices    int           // of each kind on each stream
	Spectators int
	Allow      time.Duration // beyond what the reference devices take to be delivered
	Patience   time.Duration // for the screens to catch up when all is quiet
	Kinds      []string      // those that take part; none: all
	Streams    []string      // likewise
	EngineArgs []string      // further flags of pitwall serve
	Steady     bool          // the engine is not restarted
	Say        func(what string, d time.Duration)
}

// Long reports whether clocks that fall back take part.
func (o *Options) Long() bool { return o.Duration >= longRace }

// race is one race under way.
type race struct {
	opt        Options
	site       *site.Site
	streams    []*stream
	devices    []*device
	byName     map[string]*device
	references []*device
	screens    []*screen
	start      time.Time

	mu       sync.Mutex    // guards what follows
	addr     string        // of the engine
	waited   time.Duration // for screens, between legs: no part of the race
	resting  time.Time     // since when nothing is published; zero while it is
	tally    tally
	restarts int
}

// Run runs a race. The result is nil when there is an error.
func Run(ctx context.Context, o Options) (res *Result, err error) {
	r := &race{opt: o, byName: map[string]*device{}, tally: newTally()}
	if err := r.enter(); err != nil {
		return nil, err
	}
	o.Say("starting the servers", 0)
	if r.site, err = site.Start(ctx, r.siteOptions()); err != nil {
		return nil, fmt.Errorf("start the race: %w", err)
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.addr = r.site.Engines[0].Addr
	for _, s := range r.streams {
		if s.conn, err = servers.Dial(r.site.RedisAddr()); err != nil {
			return nil, fmt.Errorf("connect to Redis: %w", err)
		}
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	return r.result(), nil
}

// enter makes the devices of each stream, and the spectators.
func (r *race) enter() error {
	for _, srv := range allServers() {
		if len(r.opt.Streams) > 0 && !srv.own && !slices.Contains(r.opt.Streams, srv.name) {
			continue
		}
		s := &stream{server: srv}
		r.streams = append(r.streams, s)
		for i, k := range kinds() {
			for range r.copies(&k, &srv) {
				d := &device{name: fmt.Sprintf("%s.%s.%d", srv.name, k.name, len(r.devices)), index: len(r.devices), kind: kinds()[i], server: &s.server}
				s.devices, r.devices = append(s.devices, d), append(r.devices, d)
				r.byName[d.name] = d
				if k.name == reference {
					r.references = append(r.references, d)
				}
			}
		}
	}
	if len(r.devices) == len(r.references) {
		return fmt.Errorf("nobody takes part: kinds are %s", strings.Join(Names(), ", "))
	}
	all := forms()
	for i := range r.opt.Spectators {
		r.screens = append(r.screens, &screen{race: r, form: all[i%len(all)], parts: -1, dots: make([]dot, len(r.devices))})
	}
	return nil
}

// Names are the names of all kinds.
func Names() (list []string) {
	for _, k := range kinds() {
		list = append(list, k.name)
	}
	return list
}

// StreamNames are the names of all streams.
func StreamNames() (list []string) {
	for _, s := range allServers() {
		list = append(list, s.name)
	}
	return list
}

// copies is how many devices of a kind a stream has.
func (r *race) copies(k *kind, srv *server) int {
	switch {
	case k.name == reference && srv.own:
		return k.fixed
	case k.name == reference, k.long && !r.opt.Long(),
		len(r.opt.Kinds) > 0 && !slices.Contains(r.opt.Kinds, k.name),
		len(r.opt.Streams) > 0 && !slices.Contains(r.opt.Streams, srv.name):
		return 0
	}
	return r.opt.Devices
}

// siteOptions are what is put up.
func (r *race) siteOptions() site.Options {
	var keys []string
	for _, s := range r.streams {
		keys = append(keys, s.key())
	}
	o := site.Options{Postgres: true, Archive: true, Engines: 1,
		Args: append([]string{"--telemetry-streams=" + strings.Join(keys, ",")}, r.opt.EngineArgs...)}
	for _, d := range r.devices {
		o.Roster = append(o.Roster, site.Entry{Event: event, Entry: d.name, Device: d.name})
	}
	return o
}

// run has everybody take part, in legs, until the race is over.
func (r *race) run(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	r.start = time.Now()
	for _, s := range r.screens {
		all.Go(func() { s.watch(watching) })
	}
	all.Go(func() { r.judge(watching) })
	restarts := r.plannedRestarts()
	for leg := 1; ctx.Err() == nil; leg++ {
		left := r.opt.Duration - r.elapsed(time.Now())
		if left <= 0 {
			return nil
		}
		r.opt.Say(fmt.Sprintf("leg %d, %d violations so far", leg, r.violations()), min(left, r.opt.Leg).Round(time.Second))
		var with *restart
		if len(restarts) > 0 && r.elapsed(time.Now())+r.opt.Leg/2 >= restarts[0].at {
			with, restarts = &restarts[0], restarts[1:]
		}
		if err := r.leg(ctx, min(left, r.opt.Leg), with); err != nil {
			return err
		}
		r.rest(time.Now())
		if err := r.quiet(ctx); err != nil {
			return err
		}
		r.goOn(time.Now())
	}
	return ctx.Err()
}

// restart is an end of the engine and its next start.
type restart struct {
	at  time.Duration // after the start of the race
	how syscall.Signal
}

func (r *race) plannedRestarts() []restart {
	if r.opt.Steady {
		return nil
	}
	at := func(p float64) time.Duration { return time.Duration(p * float64(r.opt.Duration)) }
	return []restart{{at(0.4), syscall.SIGTERM}, {at(0.7), syscall.SIGKILL}}
}

// leg publishes for a while, and restarts the engine meanwhile when it is told
// to.
func (r *race) leg(ctx context.Context, d time.Duration, with *restart) error {
	all, ctx := errgroup.WithContext(ctx)
	publishing, stop := context.WithTimeout(ctx, d)
	defer stop()
	for _, s := range r.streams {
		all.Go(func() error { return s.publish(publishing, r) })
	}
	if with != nil {
		all.Go(func() error {
			sleep(ctx, d/3)
			return r.restart(ctx, with.how)
		})
	}
	return all.Wait()
}

// restart ends the engine and starts it again.
func (r *race) restart(ctx context.Context, how syscall.Signal) error {
	r.opt.Say("the engine is restarted, "+how.String(), 0)
	e, err := r.site.Restart(ctx, 0, how)
	if err != nil {
		return fmt.Errorf("restart the engine: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addr = e.Addr
	r.restarts++
	return nil
}

// address is where the engine listens.
func (r *race) address() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addr
}

// violations is how many there are so far.
func (r *race) violations() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range r.tally.streams {
		n += row.violations()
	}
	return n
}

// spread has devices take their next records one after the other.
func (r *race) spread(devices []*device, now time.Time) {
	for i, d := range devices {
		d.next = now.Add(r.opt.Every * time.Duration(i) / time.Duration(len(devices)))
	}
}

// failed is why a spectator has given up, nil when none has.
func (r *race) failed() error {
	var errs []error
	for _, s := range r.screens {
		errs = append(errs, s.failed())
	}
	return errors.Join(errs...)
}

// close stops what was started.
func (r *race) close() error {
	for _, s := range r.streams {
		if s.conn != nil {
			s.conn.Close()
		}
	}
	return r.site.Close()
}
