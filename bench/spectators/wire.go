package spectators

import (
	"encoding/json"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Event is a topic and the devices that may be seen in it: a run of the
// harness' numbered devices.
type Event struct {
	Name    string
	First   int // number of its first device
	Devices int // how many follow, the first included
}

// Config is what a swarm process is started with.
type Config struct {
	Addr    string  // host:port of the live server
	Path    string  // of the upgrade, with its query
	Dialect string  // how to subscribe: pitwall, plain, centrifuge or nats
	Prefix  string  // of the names of all devices; the number follows
	Base    int64   // records with a number up to this are of an earlier run
	Events  []Event // that clients watch
	Watch   []int32 // by client: its event

	CheckEvery int // of the fast clients of an event so many have one that checks; 0 and 1: all check

	Slow     int    // so many clients, the first ones, read slowly
	SlowRate int    // bytes a second that each of them reads
	Interval int    // ms between updates of a device that clients ask for; 0 for all
	Roving   bool   // devices change events meanwhile
	Source   int    // number of this process, for its source addresses
	Token    string // that clients show; "": none
}

// Order is what the harness tells a running swarm. Times are µs since the Unix
// epoch.
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
	Reads         int64 // read calls that brought something
	Bytes         int64
	Unread        int64 // bytes of them that clients did not look at: see Config.CheckEvery

	Gaps       int64 // positions that never came
	Duplicates int64
	Reordered  int64 // older than one seen before
	Stray      int64 // of a device that is not in the event
	Foreign    int64 // of devices that are not the harness' own; not checked

	Lagged    int64 // lagged snapshots
	Conflated int64 // updates that they say were left out

	Refused int64 // handshakes or subscriptions that failed
	Lost    int64 // connections that the server ended
	Broken  int64 // frames that are none
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

// Progress is what a swarm process tells twice a second, and at the end.
type Progress struct {
	Open   int // connections that have subscribed
	Joined int // those of them that have their snapshot
	Counts Counts

	// Histograms of what came since the last Progress, in µs.
	Latency Hist // fast clients, records of the measured time
	Slow    Hist // slow clients, the same
	Wait    Hist // every 17th fast client that checks, the same: from arriving in its socket until parsed; empty where the kernel gives no stamps
	Join    Hist // from the moment a client wanted to connect to its whole snapshot

	Odd     int64  `json:",omitempty"` // reads since the last Progress that are not in Wait: the clock was set meanwhile
	StallUS int64  // longest turn of the loop since the last Progress
	Fault   string `json:",omitempty"` // what the server said or did, the first time it refused something
	Final   bool   `json:",omitempty"`
	Missing int64  `json:",omitempty"` // final: positions published that clients have not come to
}

// Hist is a histogram of µs that travels as JSON. The zero value is empty.
type Hist struct{ *hdrhistogram.Histogram }

// histMost is the longest time that a histogram holds, in µs.
const histMost = 120_000_000

// NewHist returns an empty histogram of 1 µs to two minutes with three
// significant digits.
func NewHist() Hist { return Hist{hdrhistogram.New(1, histMost, 3)} }

// Record counts one value, in µs; what is beyond the range counts at its edge.
func (h Hist) Record(us int64) { h.recordAll(us, 1) }

// recordAll counts one value n times.
func (h Hist) recordAll(us, n int64) {
	_ = h.RecordValues(min(max(us, 1), histMost), n) // cannot fail within the range
}

// Merge adds the values of o, which may be empty.
func (h Hist) Merge(o Hist) {
	if o.Histogram != nil {
		h.Histogram.Merge(o.Histogram)
	}
}

// MarshalJSON writes the compressed form that HdrHistogram's tools read.
func (h Hist) MarshalJSON() ([]byte, error) {
	if h.Histogram == nil || h.TotalCount() == 0 {
		return []byte(`""`), nil
	}
	b, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode a histogram: %w", err)
	}
	return json.Marshal(string(b))
}

// UnmarshalJSON reads it again.
func (h *Hist) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil || text == "" {
		return err
	}
	d, err := hdrhistogram.Decode([]byte(text))
	if err != nil {
		return fmt.Errorf("decode a histogram: %w", err)
	}
	h.Histogram = d
	return nil
}
