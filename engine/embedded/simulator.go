package embedded

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"time"

	"pitwall/engine/internal/pace"
)

// DemoEvent is the event that the simulated devices take part in.
const DemoEvent = "demo"

// BrokenEvery is the mean number of records between two broken ones, which show what
// dead letters are.
const BrokenEvery = 4000

// MaxDevices bounds Options.Devices.
const MaxDevices = 100_000

const (
	orphans  = 3 // devices in no event
	period   = time.Second
	tickTime = 25 * time.Millisecond
	// maxBehind is how far the clock may deviate from the schedule. Beyond it (the
	// machine slept, the clock was set) the schedule restarts at the current time, and
	// devices have a gap or send fixes of the same times again.
	maxBehind = 10 * time.Second
)

// Publisher appends records to a stream (XADD). *redis.Client is one.
type Publisher interface {
	// AddAll appends records in order, each given as alternating name and value.
	// The stream is trimmed to about maxLen entries; 0 trims nothing. It returns
	// when the server has added all records, or an error.
	AddAll(ctx context.Context, stream string, maxLen int64, records [][]string) error
}

// Options configure a simulation.
type Options struct {
	// Devices is how many devices of the demo event send a fix every second, from 1
	// to MaxDevices. Three more devices send as well, but belong to no event.
	Devices int
	// Publisher receives the records. Required.
	Publisher Publisher
	// Streams are the stream keys; all records of one device go to the same.
	// At least one.
	Streams []string
	// MaxLen bounds each stream, in entries. 0 leaves that to the server: the
	// embedded Redis bounds its streams itself, and the owner of a shared server
	// decides about trimming.
	MaxLen int64
	// Seed makes runs repeatable: the same seed and start give the same records.
	Seed uint64
	// Logger receives at most one line in ten seconds while publishing fails.
	// Required.
	Logger *slog.Logger
}

// RosterRow says that a device belongs to an entry of an event.
type RosterRow struct{ Event, Entry, Device string }

// Simulator is a group of devices that ride round a course. Make it with
// NewSimulator, then call Run.
type Simulator struct {
	o       Options
	devices []*device // the orphans last
	streams []string  // of each device
	rnd     *rand.Rand

	start time.Time // when the first device sends its first fix
	next  int       // fixes due so far: device next%n in round next/n
	fixes []fix     // reused
	batch map[string][][]string

	dropped   int // records since the last log line
	fault     pace.LogLimiter
	lastError error
}

// NewSimulator checks the options and places the devices. An error names the
// setting SIMULATE or TELEMETRY_STREAMS if that is the cause.
func NewSimulator(o Options) (*Simulator, error) {
	switch {
	case o.Devices < 1 || o.Devices > MaxDevices:
		return nil, fmt.Errorf("simulate %d devices (SIMULATE): want 1 to %d", o.Devices, MaxDevices)
	case len(o.Streams) == 0:
		return nil, errors.New("simulate: no stream to publish to (TELEMETRY_STREAMS)")
	case o.Publisher == nil || o.Logger == nil:
		return nil, errors.New("simulate: Publisher and Logger are required")
	}
	c, err := loadCourse(courseFile)
	if err != nil {
		return nil, err
	}
	s := &Simulator{o: o, rnd: rand.New(rand.NewPCG(o.Seed, 1<<32)), batch: map[string][][]string{}}
	for i := range o.Devices {
		s.add(deviceID(i), c)
	}
	for i := range orphans {
		s.add(fmt.Sprintf("sim-orphan-%d", i+1), c)
	}
	return s, nil
}

// simulated matches the ids of simulated devices.
var simulated = regexp.MustCompile(`^sim-(\d{3,6}|orphan-[1-3])$`)

// IsSimulated reports whether a device has the name of a simulated one. Any goroutine
// may call it.
func IsSimulated(device string) bool { return simulated.MatchString(device) }

func deviceID(i int) string { return fmt.Sprintf("sim-%03d", i+1) }

func (s *Simulator) add(id string, c *course) {
	s.devices = append(s.devices, newDevice(id, len(s.devices), s.o.Seed, c))
	h := fnv.New32a()
	h.Write([]byte(id))
	s.streams = append(s.streams, s.o.Streams[int(h.Sum32()%uint32(len(s.o.Streams)))])
}

// Roster returns the entries of the demo event, one device each, for the database.
// Devices without an event are not included.
func (s *Simulator) Roster() []RosterRow {
	rows := make([]RosterRow, s.o.Devices)
	for i := range rows {
		rows[i] = RosterRow{Event: DemoEvent, Entry: fmt.Sprintf("%s-%03d", DemoEvent, i+1), Device: deviceID(i)}
	}
	return rows
}

// Run publishes until ctx ends, and then returns nil. Each device sends a fix a
// second; the devices are spread evenly over the second. Records that cannot be
// published are dropped and counted. Run starts no goroutine. Call it once.
func (s *Simulator) Run(ctx context.Context) error {
	s.start = time.Now().Round(0) // wall clock only: the monotonic clock stops while the machine sleeps
	tick := time.NewTicker(tickTime)
	defer tick.Stop()
	for {
		s.collect(time.Now())
		s.publish(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// due returns when the next fix is scheduled.
func (s *Simulator) due() time.Time {
	n := len(s.devices)
	round, device := s.next/n, s.next%n
	return s.start.Add(time.Duration(round)*period + time.Duration(device)*period/time.Duration(n))
}

// collect adds the records that are due by now to the batch.
func (s *Simulator) collect(now time.Time) {
	if behind := now.Sub(s.due()); behind.Abs() > maxBehind {
		s.start = s.start.Add(behind.Truncate(period))
	}
	for due := s.due(); !due.After(now); due = s.due() {
		i := s.next % len(s.devices)
		s.next++
		d := s.devices[i]
		s.fixes = d.report(due.UnixMilli(), s.fixes[:0])
		for _, f := range s.fixes {
			s.put(i, d.record(f))
			if s.rnd.IntN(BrokenEvery) == 0 {
				s.put(i, d.broken(f, s.rnd))
			}
		}
	}
}

func (s *Simulator) put(device int, record []string) {
	key := s.streams[device]
	s.batch[key] = append(s.batch[key], record)
}

// publish sends the batch, one round trip per stream.
func (s *Simulator) publish(ctx context.Context) {
	for _, key := range s.o.Streams {
		records := s.batch[key]
		if len(records) == 0 {
			continue
		}
		if err := s.o.Publisher.AddAll(ctx, key, s.o.MaxLen, records); err != nil && ctx.Err() == nil {
			s.dropped += len(records)
			s.lastError = err
		}
		clear(records) // drops the strings and keeps the memory
		s.batch[key] = records[:0]
	}
	if s.dropped == 0 {
		return
	}
	if _, ok := s.fault.Allow(time.Now()); ok {
		s.o.Logger.Warn("simulated records dropped", "records", s.dropped, "error", s.lastError)
		s.dropped = 0
	}
}
