package spectators

import (
	"reflect"

	"pitwall/bench/internal/latency"
)

// MostClients is the most connections of a process. Many machines limit a process
// to 20,000 descriptors.
const MostClients = 19_500

// Event is a topic, and the devices that may be seen in it: a range of the numbered
// devices of the harness.
type Event struct {
	Name    string
	First   int // number of its first device
	Devices int // number of devices
}

// Config is the configuration of a process of spectators.
type Config struct {
	Addr    string  // host:port of the live server
	Path    string  // of the upgrade, with the query
	Dialect string  // how to subscribe: pitwall, plain, centrifuge or nats
	Prefix  string  // of all device ids; the number follows
	Base    int64   // records with this number or a lower one are from an earlier run
	Events  []Event // that clients watch
	Watch   []int32 // by client: the index of its event

	CheckEvery int // one of so many fast clients of an event checks; 0 or 1: all check

	Slow     int      // the first so many clients read slowly
	SlowRate int      // bytes per second that each of these reads
	Interval int      // minimum time between updates of a device that clients ask for, ms; 0 for every update
	Roving   bool     // devices change events
	Source   int      // number of the process, for its source addresses
	Tokens   []string // the clients use them by turns; none: no token
	Host     string   // that clients ask for; "": Addr
}

// Order is an order of the harness to a running process. Times are µs since the
// Unix epoch.
type Order struct {
	Do        string   // connect, drop, measure, finish
	Clients   int      `json:",omitempty"` // connect: how many more; drop: how many reconnect
	OverMS    int      `json:",omitempty"` // connect, drop: spread evenly over this time
	From, To  int64    `json:",omitempty"` // measure: count latencies of records due from From until before To
	Published []uint32 `json:",omitempty"` // finish: number of the last record of each device, minus Base
	WithinMS  int      `json:",omitempty"` // finish: how long to wait for those
}

// Counts counts what the clients of a process have seen since its start.
type Counts struct {
	Deliveries    int64 // live positions
	SnapshotItems int64 // positions in snapshots
	Reads         int64 // read calls that returned something
	Bytes         int64
	Unread        int64 // those of Bytes that no client checked (Config.CheckEvery)

	Gaps       int64 // positions that never arrived
	Duplicates int64
	Reordered  int64 // older than a position seen before
	Stray      int64 // positions of a device that is not in the event
	Foreign    int64 // positions of other publishers or earlier runs; not checked

	Lagged    int64 // lagged snapshots
	Conflated int64 // updates that those left out

	Refused int64 // upgrades or subscriptions that failed
	Lost    int64 // connections that the server closed
	Broken  int64 // invalid frames
}

// Add adds o to c.
func (c *Counts) Add(o Counts) {
	sum := reflect.ValueOf(c).Elem()
	for f, v := range reflect.ValueOf(o).Fields() {
		field := sum.FieldByIndex(f.Index)
		field.SetInt(field.Int() + v.Int())
	}
}

// Violations is the number of broken promises to spectators.
func (c *Counts) Violations() int64 {
	return c.Gaps + c.Duplicates + c.Reordered + c.Stray + c.Broken
}

// Status is the report of a process, twice a second and at the end.
type Status struct {
	Open   int // connections that are subscribed
	Joined int // those of Open that have their snapshot
	Counts Counts

	// Histograms since the last Status, in µs.
	Latency latency.Histogram // of fast clients, for records of the measured time
	Slow    latency.Histogram // the same for slow clients
	Wait    latency.Histogram // from arrival in the socket until parsed, of every 17th fast client that checks; empty if the kernel provides no time stamps
	Join    latency.Histogram // from when a client was to connect until it had its whole snapshot

	Odd     int64  `json:",omitempty"` // reads since the last Status that are not in Wait because the clock was set
	StallUS int64  // longest turn of the loop since the last Status
	Fault   string `json:",omitempty"` // what the server said or did when it first refused something or closed a connection
	Final   bool   `json:",omitempty"`
	Missing int64  `json:",omitempty"` // final: published positions that have not arrived
}
