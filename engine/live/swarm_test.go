package live

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// The variables that make this test program a swarm.
const (
	swarmAddr  = "PITWALL_TEST_SWARM"
	swarmSize  = "PITWALL_TEST_SWARM_SIZE"
	swarmShake = "PITWALL_TEST_SWARM_SHAKE"
)

// swarm connects n clients from a process of their own, whose CPU time is not
// the server's, and returns when all have their snapshot of event e.
func (r *rig) swarm(n int, handshake string) {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), swarmAddr+"="+r.addr, swarmSize+"="+strconv.Itoa(n), swarmShake+"="+handshake)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = in.Close()
		_ = c.Wait()
	})
	var word string
	if _, err := fmt.Fscanln(out, &word); err != nil || word != "ready" {
		r.t.Fatalf("the swarm said %q: %v", word, err)
	}
}

// swarmProcess is the process of a swarm. It ends when its input does.
func swarmProcess(addr string) int {
	n, err := strconv.Atoi(os.Getenv(swarmSize))
	for range n {
		var c net.Conn
		if c, err = swarmClient(addr); err != nil {
			break
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "swarm:", err)
		return 1
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func swarmClient(addr string) (net.Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, os.Getenv(swarmShake)+string(text(`{"type":"subscribe","topic":"event:e"}`))); err != nil {
		return nil, err
	}
	var seen []byte
	buf := make([]byte, 4096)
	for bytes.Count(seen, []byte(`"type":"snapshot"`)) < 2 { // one per shard, empty and so not compressed
		k, err := c.Read(buf)
		if err != nil {
			return nil, fmt.Errorf("behind %q: %w", seen, err)
		}
		seen = append(seen, buf[:k]...)
	}
	if !strings.HasPrefix(string(seen), "HTTP/1.1 101 ") {
		return nil, fmt.Errorf("the server said %q", seen)
	}
	return c, nil
}
