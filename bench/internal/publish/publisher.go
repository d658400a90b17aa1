package publish

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"pitwall/bench/internal/latency"
)

const (
	// tick is how often due records are sent, all in one round trip.
	tick = time.Millisecond
	// mostAtOnce is the most records of one round trip, so that a publisher that is
	// behind schedule does not block Redis.
	mostAtOnce = 2000
)

// Options say what is published and where.
type Options struct {
	RedisURL string
	Stream   string
	MaxLen   int     // the stream keeps at least so many entries; older ones may be trimmed
	Prefix   string  // of the device ids
	Devices  int     // they send in turn
	Base     int64   // records are numbered from Base+1
	Rate     float64 // records a second, over all devices
}

// Publisher sends records on a schedule.
type Publisher struct {
	o       Options
	client  rueidis.Client
	devices []device
	turns   []int // order in which devices send
	next    int   // in turns

	mu     sync.Mutex // guards what follows
	rate   float64
	sent   int64
	late   latency.Histogram // from due until sent
	stored latency.Histogram // from due until stored in Redis
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
	// The order is random, so that the devices of an event do not send right after each
	// other.
	p := &Publisher{o: o, client: client, rate: o.Rate, turns: rand.New(rand.NewPCG(1, 2)).Perm(o.Devices), late: latency.New(), stored: latency.New()}
	for i := range o.Devices {
		p.devices = append(p.devices, newDevice(o.Prefix, i))
	}
	return p, nil
}

// Close closes the connection.
func (p *Publisher) Close() { p.client.Close() }

// Run publishes until ctx ends, which is not an error. It may be called again;
// devices continue where they were.
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
			continue // behind schedule: no pause
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// SetRate changes the rate, in records per second. Any goroutine may call it.
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

// schedule says when records are due: at even intervals from its start.
type schedule struct {
	start time.Time
	rate  float64
	n     int64 // records so far
}

// set starts again when the rate has changed.
func (s *schedule) set(rate float64, now time.Time) {
	if rate != s.rate {
		*s = schedule{start: now, rate: rate}
	}
}

func (s *schedule) due() time.Time {
	return s.start.Add(time.Duration(float64(s.n) / s.rate * 1e9))
}

// command adds the next record of the next device.
func (p *Publisher) command(due time.Time) rueidis.Completed {
	i := p.turns[p.next]
	p.next = (p.next + 1) % len(p.turns)
	add := p.client.B().Arbitrary("XADD").Keys(p.o.Stream).Args("MAXLEN", "~", strconv.Itoa(p.o.MaxLen), "*")
	return add.Args(p.devices[i].record(i, p.o.Base, due)...).Build()
}

// send makes one round trip. It finishes even if ctx ends, so that the number of
// published records is known.
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

// Sent is the number of records published. Any goroutine may call it.
func (p *Publisher) Sent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// Figures returns the times of the records since the last call: from due until
// sent, and from due until stored in Redis. Any goroutine may call it.
func (p *Publisher) Figures() (late, stored latency.Histogram) {
	p.mu.Lock()
	defer p.mu.Unlock()
	late, stored = p.late, p.stored
	p.late, p.stored = latency.New(), latency.New()
	return late, stored
}

// Published is the number of the last record of each device, minus Options.Base.
// It must not be called during Run.
func (p *Publisher) Published() []uint32 {
	n := make([]uint32, len(p.devices))
	for i := range p.devices {
		n[i] = p.devices[i].n
	}
	return n
}
