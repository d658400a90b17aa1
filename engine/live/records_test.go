package live

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
)

// recordConn notes the longest record that is written to it.
type recordConn struct {
	net.Conn
	longest int
}

func (c *recordConn) Write(p []byte) (int, error) {
	c.longest = max(c.longest, len(p))
	return c.Conn.Write(p)
}

// TestRecordsOfTLSAreCounted compares what is counted for the buffer of a record
// with the records that crypto/tls makes.
func TestRecordsOfTLSAreCounted(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	for name, size := range map[string]int{"short writes": 100, "writes of some packets": 5000, "long writes": tlsRecord} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			rec := &recordConn{Conn: near}
			server := tls.Server(rec, &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS13})
			client := tls.Client(far, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
			var own sync.WaitGroup
			own.Go(func() { _, _ = io.Copy(io.Discard, client) })
			defer own.Wait()
			defer near.Close()
			if err := server.Handshake(); err != nil {
				t.Fatal(err)
			}
			k := &socket{}
			rec.longest = 0
			// Each write makes the records of those after it longer.
			for i, n := range []int{size, size, size, size, size, size, size, size, tlsRecord, tlsRecord} {
				cost := k.waitCost(n)
				if _, err := server.Write(make([]byte, n)); err != nil {
					t.Fatal(err)
				}
				const around = 64 // what a record has beside the text
				if got := rec.longest; got < k.longest || got > k.longest+around {
					t.Fatalf("write %d: the longest record has %d bytes, %d are counted", i, got, k.longest)
				}
				if cost < waitTLS+int64(k.longest) {
					t.Errorf("write %d: %d bytes are counted for a goroutine and a record of %d", i, cost, rec.longest)
				}
			}
		})
	}
}
