package shard

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pitwall/codec"
)

// TestRandomResume plays random schedules with two or three instances that read one
// stream and one database, each at its own speed: publishes, corrections in both
// directions, joins and leaves, events that vanish and return, devices beyond their limit,
// and restarts. Clients lag, are cut and come back, mostly to another instance. At rest
// the screen of each client equals the last-value table, whether it stayed or came back.
func TestRandomResume(t *testing.T) {
	resumed, wholes := 0, 0
	playSeeds(t, 0, 250, nil, func(t *testing.T, seed uint64) {
		w := playResume(t, seed)
		for _, v := range w.clients {
			resumed += v.resumed
		}
		wholes += w.wholes
	})
	t.Logf("%d subscriptions resumed, %d had to start from a whole snapshot", resumed, wholes)
	if resumed < 250 || wholes < 100 {
		t.Errorf("%d subscriptions resumed, %d did not: this test shows too little", resumed, wholes)
	}
}

// station is one instance.
type station struct {
	*rig
	read   int   // records of the stream
	done   int   // changes of the database
	issued int64 // the second of the cursor that it issues; 0 for none
}

type resumeWorld struct {
	t        *testing.T
	rng      *rand.Rand
	wall     int64
	cfg      Config
	stations []*station
	clients  []*returner
	devices  []string
	events   []string
	stream   []codec.Position
	changes  []dbChange
	members  map[string]map[string]bool
	rows     map[string][]*row // by device
	wholes   int
}

// row is a stored position.
type row struct {
	ts     int64
	faulty bool
}

// dbChange is a change of the database: of the map if device is "", otherwise of the
// faulty marks of a device.
type dbChange struct {
	wall   int64
	roster map[string][]string
	device string
}

func playResume(t *testing.T, seed uint64) *resumeWorld {
	defer reportSeed(t, seed)
	rng := rand.New(rand.NewPCG(seed, 11))
	w := &resumeWorld{
		t: t, rng: rng, wall: 1_700_000_000_000, members: map[string]map[string]bool{}, rows: map[string][]*row{},
		events: []string{"e", "f"}[:1+rng.IntN(2)], devices: numbered("d", 1+rng.IntN(12)),
		cfg: Config{RingSlots: 2 + rng.IntN(6), RingBytes: 1 << (10 + rng.IntN(6)), DeviceRate: 2 * rng.IntN(2)},
	}
	for _, e := range w.events {
		w.members[e] = map[string]bool{}
		for _, d := range w.devices {
			w.members[e][d] = rng.IntN(2) == 0
		}
	}
	w.changeMap()
	for range 2 + rng.IntN(2) {
		w.stations = append(w.stations, w.start())
	}
	for range 4 + rng.IntN(6) {
		w.clients = append(w.clients, &returner{
			t: t, event: w.events[rng.IntN(len(w.events))], shown: map[string]int64{},
			interval: Intervals[0] * time.Duration(rng.IntN(3)), batch: rng.IntN(2) == 0, deflate: rng.IntN(2) == 0,
		})
	}
	for range 300 {
		w.step()
	}
	w.rest()
	for _, s := range w.stations {
		s.checkHistories()
	}
	return w
}

// start starts an instance: it reads the table and what the stream holds, and begins its
// history.
func (w *resumeWorld) start() *station {
	cfg := w.cfg
	cfg.Shards, cfg.Deflate = 1+w.rng.IntN(3), newDeflater
	s := &station{rig: newRig(w.t, cfg), read: len(w.stream), done: len(w.changes)}
	s.rig.wall = w.wall
	s.core.slice, s.core.building = 1+w.rng.IntN(4), smallBuilds(w.rng)
	if w.rng.IntN(8) == 0 {
		s.core.rosterBytes = 1 << (6 + w.rng.IntN(4))
	}
	if w.rng.IntN(8) == 0 {
		s.core.historyBytes = 1 << (4 + w.rng.IntN(8))
	}
	s.roster(w.mapNow())
	for _, d := range w.devices {
		x := w.correction(d)
		if x.Good != nil {
			b := s.core.AcquireBatch()
			b.Warm, b.Positions = true, append(b.Positions, *x.Good)
			if err := s.core.Deliver(w.t.Context(), s.core.ShardOf(d), b); err != nil {
				w.t.Fatal(err)
			}
		}
		s.settle()
		x.Good = nil
		if len(x.Faulty) > 0 && len(w.rows[d]) > len(x.Faulty) {
			x = w.correction(d)
		}
		s.correctLater(x)
		s.settle()
	}
	s.core.BeginHistory()
	return s
}

func (w *resumeWorld) step() {
	s, v := w.stations[w.rng.IntN(len(w.stations))], w.clients[w.rng.IntN(len(w.clients))]
	switch n := w.rng.IntN(100); {
	case n < 25:
		w.publish()
	case n < 45:
		s.follow(w, w.rng.IntN(4))
	case n < 55:
		w.pass(time.Duration(w.rng.IntN(1500)) * time.Millisecond)
	case n < 59:
		w.mark()
	case n < 63:
		w.changeMap()
	case n < 70:
		s.turn(w.rng.IntN(s.core.Shards()))
	case n < 78:
		w.issue(s)
	case n < 79 && w.rng.IntN(4) == 0:
		w.restart(s)
	case n < 80 && v.at != nil:
		v.at.conn.markLagged()
	case n < 87:
		w.move(v, s)
	case v.at != nil:
		v.at.read()
		if w.rng.IntN(3) == 0 {
			w.askForCursor(v)
		}
	}
}

// pass moves the clocks of all instances.
func (w *resumeWorld) pass(d time.Duration) {
	w.wall += d.Milliseconds()
	for _, s := range w.stations {
		s.pass(d)
	}
}

// publish adds a record to the stream and its row to the table.
func (w *resumeWorld) publish() {
	w.pass(time.Duration(1+w.rng.IntN(300)) * time.Millisecond)
	d := w.devices[w.rng.IntN(len(w.devices))]
	w.stream = append(w.stream, codec.Position{DeviceID: d, TS: w.wall, Arrival: w.wall, Lat: float64(w.wall % 90), Lon: 1})
	w.rows[d] = append(w.rows[d], &row{ts: w.wall})
}

// follow has an instance apply up to n records and changes.
func (s *station) follow(w *resumeWorld, n int) {
	for range n {
		if s.done < len(w.changes) && (s.read == len(w.stream) || w.rng.IntN(2) == 0) {
			c := w.changes[s.done]
			s.settle() // one command at a time
			if s.done++; c.device != "" {
				s.correctLater(w.correction(c.device))
			} else {
				s.swap(c.roster)
			}
			s.settle()
			continue
		}
		if s.read == len(w.stream) {
			return
		}
		s.sendPosition(w.stream[s.read])
		s.read++
		s.turn(s.core.ShardOf(w.stream[s.read-1].DeviceID))
	}
}

// mark marks the newest good positions of a device as faulty, or takes the marks back.
// Every instance has read them: a shard does not remember marks of a device that it does
// not know and that is in no event.
func (w *resumeWorld) mark() {
	w.pass(time.Millisecond)
	d := w.devices[w.rng.IntN(len(w.devices))]
	for _, s := range w.stations {
		if slices.ContainsFunc(w.stream[s.read:], func(p codec.Position) bool { return p.DeviceID == d }) {
			return
		}
	}
	rows, faulty, n := w.rows[d], w.rng.IntN(3) > 0, 1+w.rng.IntN(3)
	for i := len(rows) - 1; i >= 0 && n > 0; i-- {
		if rows[i].faulty != faulty {
			rows[i].faulty = faulty
			n--
		}
	}
	w.changes = append(w.changes, dbChange{wall: w.wall, device: d})
}

// correction is what a look-up of d finds now.
func (w *resumeWorld) correction(d string) Correction {
	x := Correction{Device: d}
	for _, r := range slices.Backward(w.rows[d]) {
		if !r.faulty {
			x.Good = &codec.Position{DeviceID: d, TS: r.ts, Arrival: r.ts, Lat: float64(r.ts % 90), Lon: 1}
			break
		}
		if len(x.Faulty) < MaxFaulty {
			x.Faulty = append(x.Faulty, Stamp{r.ts, r.ts})
		}
	}
	return x
}

// changeMap has some devices join and leave. Sometimes an event that nobody watches
// vanishes, and returns with the next change.
func (w *resumeWorld) changeMap() {
	w.pass(time.Millisecond)
	for range w.rng.IntN(4) {
		e, d := w.events[w.rng.IntN(len(w.events))], w.devices[w.rng.IntN(len(w.devices))]
		w.members[e][d] = !w.members[e][d]
	}
	m := w.mapNow()
	if len(w.changes) > 0 && w.rng.IntN(4) == 0 {
		gone := w.events[w.rng.IntN(len(w.events))]
		delete(m, gone)
		w.changes = append(w.changes, dbChange{wall: w.wall, roster: m})
		w.pass(time.Millisecond)
		m = w.mapNow()
	}
	w.changes = append(w.changes, dbChange{wall: w.wall, roster: m})
}

// mapNow is the map of this moment.
func (w *resumeWorld) mapNow() map[string][]string {
	m := map[string][]string{}
	for _, e := range w.events {
		m[e] = nil
		for _, d := range w.devices {
			if w.members[e][d] {
				m[e] = append(m[e], d)
			}
		}
	}
	return m
}

// issue moves the cursor of an instance forward, by the rules of live.Server.
func (w *resumeWorld) issue(s *station) {
	through := w.wall
	if s.read < len(w.stream) {
		through = min(through, w.stream[s.read].Arrival-1)
	}
	if s.done < len(w.changes) {
		through = min(through, w.changes[s.done].wall-1)
	}
	delivered, at := s.core.Delivered(nil), s.now
	s.settle()
	if !s.core.TakenIn(delivered) {
		w.t.Error("a shard at rest has not taken in what it was given")
	}
	through = min(through, s.core.HeldFrom()-1)
	w.pass(s.core.Window())
	s.settle()
	if !s.core.FlushedThrough(at) {
		w.t.Error("a shard at rest has not flushed what was due")
	}
	s.issued = through / 1000
}

// askForCursor gives v the cursor of its instance, as a pong does.
func (w *resumeWorld) askForCursor(v *returner) {
	s := w.stationOf(v)
	if !v.begun || v.missing > 0 || v.at.conn.Behind() {
		return
	}
	v.at.read()
	if v.at.conn.Behind() {
		return
	}
	if issued := s.issued - int64((v.interval+time.Second-1)/time.Second); issued > v.cursor {
		v.cursor = issued
	}
}

func (w *resumeWorld) stationOf(v *returner) *station {
	for _, s := range w.stations {
		if v.at != nil && v.at.r == s.rig {
			return s
		}
	}
	return nil
}

// move disconnects v, or connects it to s if its event exists there.
func (w *resumeWorld) move(v *returner, s *station) {
	if v.at != nil {
		if w.rng.IntN(2) == 0 && !v.begun {
			return
		}
		w.settleAll()
		v.leave()
		return
	}
	if s.core.Snapshot().topics[v.event] == nil {
		return
	}
	before, had := v.resumed, v.cursor > 0
	v.arrive(s.rig, s.issued)
	w.settleAll()
	if had && v.resumed == before {
		w.wholes++
	}
}

func (w *resumeWorld) settleAll() {
	for _, s := range w.stations {
		s.settle()
	}
}

// restart replaces an instance by a new one. Its clients are cut.
func (w *resumeWorld) restart(s *station) {
	w.settleAll()
	for _, v := range w.clients {
		if w.stationOf(v) == s {
			v.leave()
		}
	}
	w.stations[slices.Index(w.stations, s)] = w.start()
}
