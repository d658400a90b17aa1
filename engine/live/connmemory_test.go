package live

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// idleClients in the environment makes the test binary a process that holds
// idle spectators: "address number". It says so on its standard output, and ends
// with its standard input.
const idleClients = "PITWALL_TEST_IDLE_CLIENTS"

// beClients is that process.
func beClients(job string) error {
	addr, count, _ := strings.Cut(job, " ")
	n, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("number of clients: %w", err)
	}
	for i := range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		if _, err := io.WriteString(c, handshake); err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		br := bufio.NewReaderSize(c, 512)
		for line := ""; !strings.Contains(line, "welcome"); {
			if line, err = br.ReadString('}'); err != nil {
				return fmt.Errorf("client %d: %w", i, err)
			}
		}
		defer c.Close()
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// resident is the resident memory of this process, in bytes, after everything
// that is free has been given back.
func resident(b *testing.B) int64 {
	b.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// BenchmarkIdleConnections reports what an idle plain connection costs in
// resident memory beside the kernel's. The goal is 8 KiB at most. The clients
// are another process.
func BenchmarkIdleConnections(b *testing.B) {
	const n = 5000
	r := start(b, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.MaxConnections = 2 * n })
	for range b.N {
		before := resident(b)
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		clients := exec.Command(os.Args[0], "-test.run=^$")
		clients.Env = append(os.Environ(), idleClients+"="+r.addr+" "+strconv.Itoa(n))
		clients.Stderr = os.Stderr
		in, err := clients.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := clients.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := clients.Start(); err != nil {
			b.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
			b.Fatalf("the clients said %q: %v", line, err)
		}
		after := resident(b)
		runtime.ReadMemStats(&m1)
		kib := func(bytes int64) float64 { return float64(bytes) / n / 1024 }
		b.ReportMetric(kib(after-before), "KiB/conn")
		b.ReportMetric(kib(int64(m1.HeapAlloc)-int64(m0.HeapAlloc)), "heap-KiB/conn")
		b.ReportMetric(kib(int64(m1.StackInuse)-int64(m0.StackInuse)), "stack-KiB/conn")
		_ = in.Close()
		if err := clients.Wait(); err != nil {
			b.Fatal(err)
		}
		r.gone(0)
	}
	b.ReportMetric(0, "ns/op") // of no interest here
}
