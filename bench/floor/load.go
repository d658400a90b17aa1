package floor

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
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

// payload is one record's JSON, as the producers of contract 1 write it.
func (l *load) payload(device int, due time.Time, rng *rand.Rand) string {
	return fmt.Sprintf(`{"device_id":%q,"timestamp":%q,"latitude":%.7f,"longitude":%.7f,"altitude":%.1f,"angle":%.1f,"speed":%.1f,"satellites":12,"attributes":{"battery":87,"moving":true}}`,
		l.device(device), due.UTC().Format("2006-01-02T15:04:05.000Z"),
		57+rng.Float64(), 11+rng.Float64(), 100*rng.Float64(), 360*rng.Float64(), 90*rng.Float64())
}

// publish writes the records to a server process as they become due, a line
// each, for as long as is measured. It is late when the server is.
func (l *load) publish(w io.Writer) error {
	rng := rand.New(rand.NewPCG(1, 2))
	gap := time.Second / time.Duration(l.Rate)
	due := time.Now()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for n, until := 0, due.Add(time.Duration(l.Seconds)*time.Second); due.Before(until); n++ {
		if wait := time.Until(due); wait > 0 {
			tick.Reset(wait)
			<-tick.C
		}
		device := n % l.Devices
		if _, err := fmt.Fprintf(w, "%d %s\n", device, l.payload(device, due, rng)); err != nil {
			return fmt.Errorf("hand a record over: %w", err)
		}
		due = due.Add(gap)
	}
	return nil
}

// records takes in what publish writes, to its end. read is called when
// everything that has come so far is taken in.
func (l *load) records(in *bufio.Reader, take func(device int, fields []string, now time.Time), read func()) error {
	var names []string
	for i := range l.Devices {
		names = append(names, l.device(i))
	}
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a record: %w", err)
		}
		number, payload, _ := strings.Cut(line[:len(line)-1], " ")
		device, err := strconv.Atoi(number)
		if err != nil {
			return fmt.Errorf("read a record: %w", err)
		}
		take(device, []string{"device_id", names[device], "codec", "8E", "payload", payload}, time.Now())
		if in.Buffered() == 0 {
			read()
		}
	}
}

// decoded hands each record on as a position of its event.
func (l *load) decoded(take func(event int, p *codec.Position)) func(device int, fields []string, now time.Time) {
	dec := codec.NewDecoder(codec.DefaultLimits())
	var p codec.Position
	return func(device int, fields []string, now time.Time) {
		if err := dec.Decode(&p, now.UnixMilli(), fields); err != nil {
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
		"--shards=" + strconv.Itoa(l.Shards), "--writers=" + strconv.Itoa(l.Writers), "--profile=" + l.Profile,
	}
}
