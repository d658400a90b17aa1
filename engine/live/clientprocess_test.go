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

// These variables make the test binary a process of clients.
const (
	clientsAddr  = "PITWALL_TEST_CLIENTS_ADDR"
	clientsCount = "PITWALL_TEST_CLIENTS_COUNT"
	clientsSend  = "PITWALL_TEST_CLIENTS_SEND"  // what each client sends first
	clientsAwait = "PITWALL_TEST_CLIENTS_AWAIT" // what it reads before the next client connects
	clientsTimes = "PITWALL_TEST_CLIENTS_TIMES" // how often that must come
)

// startSubscribers connects n clients to event e from another process, so that
// their CPU time is not the server's. It returns when all have their snapshot,
// which must be empty: otherwise it could be compressed, and would not be seen.
func (r *rig) startSubscribers(n int, handshake string) {
	r.t.Helper()
	subscribe := string(text(`{"type":"subscribe","topic":"event:e"}`))
	r.t.Cleanup(r.startClients(n, handshake+subscribe, `"type":"snapshot"`, r.core.Shards()))
}

// startClients connects n clients from another process. Each sends something, and
// reads until await has come so many times. end ends the process; it may be called
// once.
func (r *rig) startClients(n int, send, await string, times int) (end func()) {
	r.t.Helper()
	self, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), clientsAddr+"="+r.addr, clientsCount+"="+strconv.Itoa(n),
		clientsSend+"="+send, clientsAwait+"="+await, clientsTimes+"="+strconv.Itoa(times))
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
	end = func() {
		_ = in.Close()
		if err := c.Wait(); err != nil {
			r.t.Errorf("the process of the clients: %v", err)
		}
	}
	var word string
	if _, err := fmt.Fscanln(out, &word); err != nil || word != "ready" {
		end()
		r.t.Fatalf("the process of the clients printed %q (%v), want ready", word, err)
	}
	return end
}

// runClients is the process of the clients. It prints ready when all are
// connected, and ends when its standard input does.
func runClients(addr string) error {
	n, err := strconv.Atoi(os.Getenv(clientsCount))
	if err != nil {
		return err
	}
	for i := range n {
		c, err := runClient(addr)
		if err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func runClient(addr string) (net.Conn, error) {
	times, err := strconv.Atoi(os.Getenv(clientsTimes))
	if err != nil {
		return nil, err
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, os.Getenv(clientsSend)); err != nil {
		return nil, err
	}
	var got []byte
	buf := make([]byte, 4096)
	for await := []byte(os.Getenv(clientsAwait)); bytes.Count(got, await) < times; {
		n, err := c.Read(buf)
		if err != nil {
			return nil, fmt.Errorf("after %q: %w", got, err)
		}
		got = append(got, buf[:n]...)
	}
	if !strings.HasPrefix(string(got), "HTTP/1.1 101 ") {
		return nil, fmt.Errorf("the handshake was answered with %q, want 101", got)
	}
	return c, nil
}
