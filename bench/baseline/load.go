package baseline

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"pitwall/codec"
)

// load is what is sent: rate records a second of devices spread over events,
// for conns connections that each watch one event.
type load struct {
	Conns   int           `default:"2000" help:"Connections."`
	Events  int           `default:"1" help:"Events; connections and devices are spread over them evenly."`
	Devices int           `default:"200" help:"Devices."`
	Rate    int           `default:"40" help:"Records a second, over all devices."`
	Window  time.Duration `default:"100ms" help:"Least time between two flushes of an event."`
	Seconds int           `default:"5" help:"How long each process is measured."`
	Lowat   int           `default:"16384" help:"TCP_NOTSENT_LOWAT of the servers' sockets."`
	Loops   int           `default:"1" help:"Threads of the bare loops, for as many connections as one cannot write to within a window."`
	Shards  int           `default:"2" help:"Worker shards of the engine."`
	Writers int           `default:"2" help:"Writers of the engine."`
	Profile string        `help:"Write a CPU profile of the engine's process to this file."`
}

func (l *load) device(i int) string       { return fmt.Sprintf("bench-%05d", i) }
func (l *load) event(i int) string        { return fmt.Sprintf("ev%d", i) }
func (l *load) eventOf(device int) string { return l.event(device % l.Events) }
func (l *load) eventOfConn(c int) string  { return l.event(c % l.Events) }

func (l *load) events() (list []string) {
	for i := range l.Events {
		list = append(list, l.event(i))
	}
	return list
}

// deliveries is how many positions reach clients in a second: each record goes
// to the connections of its event.
func (l *load) deliveries() float64 {
	return float64(l.Rate) * float64(l.Conns) / float64(l.Events)
}

// record is one stream record in the ingestion service's shape.
func (l *load) record(device int, now time.Time, rng *rand.Rand) []string {
	payload := fmt.Sprintf(`{"device_id":%q,"timestamp":%q,"latitude":%.7f,"longitude":%.7f,"altitude":%.1f,"angle":%.1f,"speed":%.1f,"satellites":12,"attributes":{"battery":87,"moving":true}}`,
		l.device(device), now.UTC().Format("2006-01-02T15:04:05.000Z"),
		57+rng.Float64(), 11+rng.Float64(), 100*rng.Float64(), 360*rng.Float64(), 90*rng.Float64())
	return []string{"device_id", l.device(device), "codec", "8E", "payload", payload}
}

// publish calls send with each record at its time, for as long as is measured,
// on a schedule that does not wait for anybody: an open loop.
func (l *load) publish(send func(device int, fields []string, now time.Time)) {
	rng := rand.New(rand.NewPCG(1, 2))
	gap := time.Second / time.Duration(l.Rate)
	tick := time.NewTimer(0)
	defer tick.Stop()
	due := time.Now()
	for n, until := 0, due.Add(time.Duration(l.Seconds)*time.Second); due.Before(until); n++ {
		if wait := time.Until(due); wait > 0 {
			tick.Reset(wait)
			<-tick.C
		}
		device := n % l.Devices
		send(device, l.record(device, due, rng), due)
		due = due.Add(gap)
	}
}

// decoded is what publish calls for those who want positions, and the numbers
// of their events.
func (l *load) decoded(take func(event int, p *codec.Position)) func(device int, fields []string, now time.Time) {
	dec := codec.NewDecoder(codec.DefaultLimits())
	var p codec.Position
	return func(device int, fields []string, now time.Time) {
		if err := dec.Decode(&p, now.UnixMilli(), 0, fields); err != nil {
			panic(err) // our own record
		}
		take(device%l.Events, &p)
	}
}

// args is the load as flags, for the processes of a measurement.
func (l *load) args() []string {
	return []string{
		"--conns=" + strconv.Itoa(l.Conns), "--events=" + strconv.Itoa(l.Events),
		"--devices=" + strconv.Itoa(l.Devices), "--rate=" + strconv.Itoa(l.Rate),
		"--window=" + l.Window.String(), "--seconds=" + strconv.Itoa(l.Seconds), "--lowat=" + strconv.Itoa(l.Lowat),
		"--loops=" + strconv.Itoa(l.Loops),
		"--shards=" + strconv.Itoa(l.Shards), "--writers=" + strconv.Itoa(l.Writers), "--profile=" + l.Profile,
	}
}
