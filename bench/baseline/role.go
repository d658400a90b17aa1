package baseline

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Role is one process of a measurement. It talks to its parent in lines: a
// server prints its address and "go" from the parent starts the measured
// phase; at the end it prints its result.
type Role struct {
	load
	Name string `arg:"" enum:"bare,prompt,engine,broadcaster,swarm"`
	Addr string `help:"Where the swarm connects to."`
}

// result is what a server process did in the measured phase.
type result struct {
	Deliveries float64 // positions written to sockets
	Writes     float64 // system calls for them
	Bytes      float64
	Turns      float64 // of a connection; 0 where each is one write, or it is not known
	User, Sys  time.Duration
	Wall       time.Duration
}

// Run plays the role.
func (r *Role) Run() error {
	switch r.Name {
	case "bare":
		return serveBare(&r.load)
	case "prompt":
		return servePrompt(&r.load)
	case "engine":
		return serveEngine(&r.load)
	case "broadcaster":
		return serveBroadcaster(&r.load)
	default:
		return readers(&r.load, r.Addr)
	}
}

// listening tells the parent the address and waits until all clients are there.
func listening(addr string) error {
	fmt.Println(addr)
	var word string
	if _, err := fmt.Scanln(&word); err != nil || word != "go" {
		return fmt.Errorf("the parent said %q: %v", word, err)
	}
	return nil
}

// measure runs f, which tells what it has written, and prints that with what the
// process used meanwhile.
func measure(f func() tally) error {
	var before, after unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &before); err != nil {
		return err
	}
	start := time.Now()
	t := f()
	if err := unix.Getrusage(unix.RUSAGE_SELF, &after); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result{
		Deliveries: t.deliveries, Writes: t.writes, Bytes: t.bytes, Turns: t.turns, Wall: time.Since(start),
		User: time.Duration(after.Utime.Nano() - before.Utime.Nano()),
		Sys:  time.Duration(after.Stime.Nano() - before.Stime.Nano()),
	})
}
