package admin

import (
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"
)

// Load is what an installation has to carry.
type Load struct {
	Spectators int           // at the same time
	Devices    int           // that send, over all events
	Rate       float64       // records per second of one device
	Events     int           // among which devices and spectators divide evenly
	Window     time.Duration // LIVE_FLUSH_MS
	Archive    bool          // positions are written to the database
}

// Size is what a Load takes, of all processes of Pitwall together. It is a forecast
// from the results in bench/README.md; a machine of another kind differs.
type Size struct {
	Records     float64 // per second
	Deliveries  float64 // positions that reach spectators, per second
	Writes      float64 // to sockets, per second
	Cores       float64 // of Pitwall
	RedisCores  float64
	MemoryBytes float64 // of Pitwall, with the kernel's share of each connection
	OutBytes    float64 // to the network, per second
	RowBytes    float64 // in the table, per day; 0 without an archive
	Descriptors int
}

// What things cost, in seconds of CPU time and in bytes, from bench/README.md (2
// virtual cores): a write is the cost of stadium and herd, a read that of season, a
// record that of flood, an idle connection that of sparse.
const (
	perWrite      = 10.5e-6
	perDelivery   = 0.05e-6
	perRead       = 170e-6
	perRecord     = 4e-6
	perConnection = 3.9e-6 // per second, for heartbeats
	maxReads      = 1430   // per second: with more records, reads bring more of them
	perRow        = 15e-6  // of the archive

	redisPerRead   = 80e-6
	redisPerRecord = 30e-6

	positionBytes   = 254 // as JSON in a frame of many
	packetBytes     = 66  // headers of Ethernet, IP and TCP
	connectionBytes = 7_600 + 4_096
	deviceBytes     = 2_048
	processBytes    = 60 << 20
	rowBytes        = 240 // including the index
)

// Size forecasts what the load takes. An error names the value that is wrong.
func (l Load) Size() (s Size, err error) {
	if l.Spectators < 0 || l.Devices < 1 || l.Events < 1 || !(l.Rate > 0) || l.Window < 0 {
		return s, errors.New("devices and events must be 1 or more, the rate more than 0, spectators and the window not less than 0")
	}
	s.Records = float64(l.Devices) * l.Rate
	perEvent := s.Records / float64(l.Events)
	spectators := float64(l.Spectators)
	s.Deliveries = spectators * perEvent
	writes := perEvent // a quiet event is sent at once
	if l.Window > 0 {
		writes = min(writes, 1/l.Window.Seconds())
	}
	s.Writes = spectators * writes
	reads := min(s.Records, maxReads)
	s.Cores = s.Writes*perWrite + s.Deliveries*perDelivery + reads*perRead + s.Records*perRecord + spectators*perConnection
	s.RedisCores = reads*redisPerRead + s.Records*redisPerRecord
	s.MemoryBytes = processBytes + spectators*connectionBytes + float64(l.Devices)*deviceBytes
	s.OutBytes = s.Deliveries*positionBytes + s.Writes*packetBytes
	if l.Archive {
		s.Cores += s.Records * perRow
		s.RedisCores += reads * redisPerRead
		s.RowBytes = s.Records * 86_400 * rowBytes
	}
	s.Descriptors = l.Spectators + 200
	return s, nil
}

// PrintSize prints the forecast of a load.
func PrintSize(l Load, w io.Writer) error {
	s, err := l.Size()
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"records", fmt.Sprintf("%s/s", count(s.Records))},
		{"deliveries", fmt.Sprintf("%s/s, in %s writes/s", count(s.Deliveries), count(s.Writes))},
		{"Pitwall", fmt.Sprintf("%.1f cores, %s of memory", s.Cores, size(s.MemoryBytes))},
		{"Redis", fmt.Sprintf("%.1f cores", s.RedisCores)},
		{"network", fmt.Sprintf("%.2f Gbit/s to spectators", 8*s.OutBytes/1e9)},
		{"table", size(s.RowBytes) + " per day of records"},
		{"descriptors", fmt.Sprintf("%d (ulimit -n, LimitNOFILE)", s.Descriptors)},
	} {
		if line[0] != "table" || l.Archive {
			fmt.Fprintf(t, "%s\t%s\n", line[0], line[1])
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, "\nForecast for cores like those of the results in bench/README.md, without reserve.\n"+
		"Plan for twice the cores. Each further process reads the whole stream again.\n"+
		"Measure your own: go run ./bench stadium --connections N --devices N --rate N")
	return err
}

// count prints a number with two digits that count.
func count(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.2g", v)
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	return fmt.Sprintf("%.0f", math.Round(v/unit)*unit)
}

// size prints bytes.
func size(v float64) string {
	if v < 1e9 {
		return count(v/1e6) + " MB"
	}
	return fmt.Sprintf("%.1f GB", v/1e9)
}
