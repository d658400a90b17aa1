package spectators

import (
	"pitwall/bench/internal/latency"
)

// MostClients is how many connections one process has at most: many machines
// limit a process to 20,000 descriptors.
const MostClients = 19_500

// Event is a topic and the devices that may be seen in it: a range of the
// harness' numbered devices.
type Event struct {
	Name    string
	First   int // number of its first device
	Devices int // how many follow, the first included
}

// Config is what a process of spectators is started with.
type Config struct {
	Addr    string  // host:port of the live server
	Path    string  // of the upgrade, with its query
	Dialect string  // how to subscribe: pitwall, plain, centrifuge or nats
	Prefix  string  // of the names of all devices; the number follows
	Base    int64   // records with a number up to this are of an earlier run
	Events  []Event // that clients watch
	Watch   []int32 // by client: its event

	CheckEvery int // one of so many fast clients of an event checks; 0 and 1: all check

	Slow     int    // so many clients, the first ones, read slowly
	SlowRate int    // bytes a second that each of them reads
	Interval int    // ms between updates of a device that clients ask for; 0 for all
	Roving   bool   // devices change events meanwhile
	Source   int    // number of this process, for its source addresses
	Token    string // of all clients; "": none
}

// Order is what the harness sends to a running process. Times are µs since the
// Unix epoch.
type Order struct {
	Do        string   // connect, drop, measure, finish
	Clients   int      `json:",omitempty"` // connect: how many more; drop: how many go and come back
	OverMS    int      `json:",omitempty"` // connect, drop: spread evenly over this time
	From, To  int64    `json:",omitempty"` // measure: latencies of the records due in this time
	Published []uint32 `json:",omitempty"` // finish: by device, the number of its last record, less Base
	WithinMS  int      `json:",omitempty"` // finish: how long to wait for them
}

// Counts is what the clients of a process have seen since its start.
type Counts struct {
	Deliveries    int64 // live positions
	SnapshotItems int64 // positions in snapshots
	Reads         int64 // read calls that returned something
	Bytes         int64
	Unread        int64 // bytes of them that no client checked: see Config.CheckEvery

	Gaps       int64 // positions that never arrived
	Duplicates int64
	Reordered  int64 // older than one seen before
	Stray      int64 // of a device that is not in the event
	Foreign    int64 // of devices that are not the harness'; not checked

	Lagged    int64 // lagged snapshots
	Conflated int64 // updates that they say were left out

	Refused int64 // handshakes or subscriptions that failed
	Lost    int64 // connections that the server ended
	Broken  int64 // invalid frames
}

// Add adds o to c.
func (c *Counts) Add(o Counts) {
	c.Deliveries += o.Deliveries
	c.SnapshotItems += o.SnapshotItems
	c.Reads += o.Reads
	c.Bytes += o.Bytes
	c.Unread += o.Unread
	c.Gaps += o.Gaps
	c.Duplicates += o.Duplicates
	c.Reordered += o.Reordered
	c.Stray += o.Stray
	c.Foreign += o.Foreign
	c.Lagged += o.Lagged
	c.Conflated += o.Conflated
	c.Refused += o.Refused
	c.Lost += o.Lost
	c.Broken += o.Broken
}

// Violations is how often a promise to spectators was broken.
func (c *Counts) Violations() int64 {
	return c.Gaps + c.Duplicates + c.Reordered + c.Stray + c.Broken
}

// Status is what a process reports twice a second, and at the end.
type Status struct {
	Open   int // connections that have subscribed
	Joined int // those of them that have their snapshot
	Counts Counts

	// Histograms since the last Status, in µs.
	Latency latency.Histogram // fast clients, records of the measured time
	Slow    latency.Histogram // slow clients, the same
	Wait    latency.Histogram // every 17th fast client that checks, the same: from arriving in its socket until parsed; empty where the kernel gives no stamps
	Join    latency.Histogram // from the moment a client wanted to connect to its whole snapshot

	Odd     int64  `json:",omitempty"` // reads since the last Status that are not in Wait: the clock was set meanwhile
	StallUS int64  // longest turn of the loop since the last Status
	Fault   string `json:",omitempty"` // what the server said or did, the first time it refused something
	Final   bool   `json:",omitempty"`
	Missing int64  `json:",omitempty"` // final: positions published that have not arrived
}
