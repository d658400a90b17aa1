package floor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Role is one process of a measurement. It talks to its parent in lines: a
// server prints its address, "go" from the parent starts the measured phase,
// and behind it come the records, as they are due; at their end the server
// prints its result. So what it costs to make them is not the server's.
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
	User, Sys  time.Duration
	Wall       time.Duration
}

// Run plays the role.
func (r *Role) Run() error {
	if r.Name == "swarm" {
		return readers(&r.load, r.Addr)
	}
	in, err := fromParent()
	if err != nil {
		return err
	}
	switch r.Name {
	case "bare":
		return serveBare(&r.load, in)
	case "prompt":
		return servePrompt(&r.load, in)
	case "engine":
		return serveEngine(&r.load, in)
	default:
		return serveBroadcaster(&r.load, in)
	}
}

// fromParent is what the parent writes. Go waits for it as for any socket, not
// with a thread of its own.
func fromParent() (*bufio.Reader, error) {
	if err := unix.SetNonblock(unix.Stdin, true); err != nil {
		return nil, fmt.Errorf("make standard input non-blocking: %w", err)
	}
	return bufio.NewReaderSize(os.NewFile(uintptr(unix.Stdin), "stdin"), 64<<10), nil
}

// listening tells the parent the address and waits until all clients are there.
func listening(addr string, in *bufio.Reader) error {
	fmt.Println(addr)
	if word, err := in.ReadString('\n'); err != nil || word != "go\n" {
		return fmt.Errorf("the parent said %q: %v", word, err)
	}
	return nil
}

// measure runs f and prints what the process used meanwhile; f returns
// deliveries, writes and bytes.
func measure(f func() (deliveries, writes, bytes float64, err error)) error {
	var before, after unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &before); err != nil {
		return err
	}
	start := time.Now()
	d, w, b, err := f()
	if err != nil {
		return err
	}
	if err := unix.Getrusage(unix.RUSAGE_SELF, &after); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result{
		Deliveries: d, Writes: w, Bytes: b, Wall: time.Since(start),
		User: time.Duration(after.Utime.Nano() - before.Utime.Nano()),
		Sys:  time.Duration(after.Stime.Nano() - before.Stime.Nano()),
	})
}
