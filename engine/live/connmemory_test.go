package live

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// residentMemory is the resident memory of this process, in bytes, after free
// memory has been returned to the operating system.
func residentMemory(b *testing.B) int64 {
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

// BenchmarkIdleConnections reports the resident memory of an idle connection
// without TLS, the kernel's not included. The goal is 8 KiB at most. The clients
// are in another process.
func BenchmarkIdleConnections(b *testing.B) {
	const n = 5000
	r := start(b, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.MaxConnections = 2 * n })
	for range b.N {
		before := residentMemory(b)
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		end := r.startClients(n, handshake, `"type":"welcome"`, 1)
		after := residentMemory(b)
		runtime.ReadMemStats(&m1)
		kib := func(bytes int64) float64 { return float64(bytes) / n / 1024 }
		b.ReportMetric(kib(after-before), "KiB/conn")
		b.ReportMetric(kib(int64(m1.HeapAlloc)-int64(m0.HeapAlloc)), "heap-KiB/conn")
		b.ReportMetric(kib(int64(m1.StackInuse)-int64(m0.StackInuse)), "stack-KiB/conn")
		end()
		r.awaitConnections(0)
	}
	b.ReportMetric(0, "ns/op") // not of interest
}
