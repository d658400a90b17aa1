package publish

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"pitwall/bench/internal/latency"
)

const (
	// tick is how often what is due is sent, in one round trip.
	tick = time.Millisecond
	// mostAtOnce bounds one round trip, so that a publisher that is behind its
	// schedule does not block Redis.
	mostAtOnce = 2000
)

// Options say what is published, and where.
type Options struct {
	RedisURL string
	Stream   string
	MaxLen   int     // entries that the stream keeps at least; older ones may be trimmed
	Prefix   string  // of the devices' names
	Devices  int     // they send in turn
	Base     int64   // their records are numbered from the next number on
	Rate     float64 // records a second, over all devices
}

// Publisher sends records on a schedule.
type Publisher struct {
	o       Options
	client  rueidis.Client
	devices []device
	turns   []int // the order in which devices take turns
	next    int   // in turns

	mu     sync.Mutex // guards what follows
	rate   float64
	sent   int64
	late   latency.Histogram // how long after its due time a record was sent
	stored latency.Histogram // how long after its due time Redis had it
}

// New connects to Redis. The caller closes the publisher.
func New(o Options) (*Publisher, error) {
	option, err := rueidis.ParseURL(o.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("read the URL of Redis (--redis): %w", err)
	}
	option.DisableCache = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis (--redis): %w", err)
	}
	// Devices of one event do not send one after the other.
	p := &Publisher{o: o, client: client, rate: o.Rate, turns: rand.New(rand.NewPCG(1, 2)).Perm(o.Devices), late: latency.New(), stored: latency.New()}
	for i := range o.Devices {
		p.devices = append(p.devices, newDevice(o.Prefix, i))
	}
	return p, nil
}

// Close ends the connection.
func (p *Publisher) Close() { p.client.Close() }

// Run publishes at the rate until ctx ends, which is no error. It may be
// called again; the devices go on where they were.
func (p *Publisher) Run(ctx context.Context) error {
	var s schedule
	clock := time.NewTicker(tick)
	defer clock.Stop()
	var batch rueidis.Commands
	var dues []time.Time
	for {
		now := time.Now()
		batch, dues = batch[:0], dues[:0]
		s.set(p.currentRate(), now)
		for at := s.due(); !at.After(now) && len(batch) < mostAtOnce; at = s.due() {
			s.n++
			batch = append(batch, p.command(at))
			dues = append(dues, at)
		}
		if len(batch) > 0 {
			if err := p.send(ctx, batch, dues); err != nil {
				return err
			}
		}
		if len(batch) == mostAtOnce {
			if ctx.Err() != nil {
				return nil
			}
			continue // behind its schedule
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// SetRate changes the rate, in records a second. Any goroutine may call it.
func (p *Publisher) SetRate(rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

func (p *Publisher) currentRate() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate
}

// schedule says when records are due: evenly from its start on.
type schedule struct {
	start time.Time
	rate  float64
	n     int64 // records of it so far
}

// set begins anew where the rate is another one.
func (s *schedule) set(rate float64, now time.Time) {
	if rate != s.rate {
		*s = schedule{start: now, rate: rate}
	}
}

func (s *schedule) due() time.Time {
	return s.start.Add(time.Duration(float64(s.n) / s.rate * 1e9))
}

// command is the next device's next record.
func (p *Publisher) command(due time.Time) rueidis.Completed {
	i := p.turns[p.next]
	p.next = (p.next + 1) % len(p.turns)
	add := p.client.B().Arbitrary("XADD").Keys(p.o.Stream).Args("MAXLEN", "~", strconv.Itoa(p.o.MaxLen), "*")
	return add.Args(p.devices[i].record(i, p.o.Base, due)...).Build()
}

// send is one round trip. It is finished even if ctx ends, so that it is known
// what was published.
func (p *Publisher) send(ctx context.Context, batch rueidis.Commands, dues []time.Time) error {
	sent := time.Now()
	replies := p.client.DoMulti(context.WithoutCancel(ctx), batch...)
	done := time.Now()
	for _, r := range replies {
		if err := r.Error(); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent += int64(len(batch))
	for _, at := range dues {
		p.late.Record(sent.Sub(at).Microseconds())
		p.stored.Record(done.Sub(at).Microseconds())
	}
	return nil
}

// Sent is how many records have been published. Any goroutine may call it.
func (p *Publisher) Sent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// Figures takes the times of the records since the last call: how long after
// it was due a record was sent, and how long until Redis had it. Any goroutine
// may call it.
func (p *Publisher) Figures() (late, stored latency.Histogram) {
	p.mu.Lock()
	defer p.mu.Unlock()
	late, stored = p.late, p.stored
	p.late, p.stored = latency.New(), latency.New()
	return late, stored
}

// Published is, by device, the number of its last record, less Options.Base. It
// must not be called while Run runs.
func (p *Publisher) Published() []uint32 {
	n := make([]uint32, len(p.devices))
	for i := range p.devices {
		n[i] = p.devices[i].n
	}
	return slices.Clip(n)
}
