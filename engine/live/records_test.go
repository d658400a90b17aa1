package live

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
)

// recordConn remembers the length of the longest record written to it.
type recordConn struct {
	net.Conn
	longest int
}

func (c *recordConn) Write(p []byte) (int, error) {
	c.longest = max(c.longest, len(p))
	return c.Conn.Write(p)
}

// What is counted for the buffer of a TLS record is compared with the records that
// crypto/tls writes.
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
			// crypto/tls makes records longer with each write.
			for i, n := range []int{size, size, size, size, size, size, size, size, tlsRecord, tlsRecord} {
				cost := k.waitCost(n)
				if _, err := server.Write(make([]byte, n)); err != nil {
					t.Fatal(err)
				}
				const overhead = 64 // of a record
				if got := rec.longest; got < k.longest || got > k.longest+overhead {
					t.Fatalf("write %d: the longest record has %d bytes, want %d to %d", i, got, k.longest, k.longest+overhead)
				}
				if cost < waitTLS+int64(k.longest) {
					t.Errorf("write %d: %d bytes are counted for a goroutine and a record of %d, want %d or more", i, cost, rec.longest, waitTLS+int64(k.longest))
				}
			}
		})
	}
}
