package ops

import (
	"bytes"
	"compress/gzip"
	"io"
	"runtime"
	"sync"
	"testing"
)

// The profile shows this test's own contention for a mutex, and recording ends with
// the request.
func TestContentionIsRecordedDuringTheRequest(t *testing.T) {
	s := start(t, Options{})
	stop := make(chan struct{})
	var mu sync.Mutex
	var contenders sync.WaitGroup
	for range 4 {
		contenders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				runtime.Gosched()
				mu.Unlock()
			}
		})
	}
	_, _, got := get(t, s, "/debug/pprof/mutex?seconds=1&debug=0", "")
	close(stop)
	contenders.Wait()
	text, err := gunzip([]byte(got))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("TestContentionIsRecordedDuringTheRequest")) {
		t.Error("the mutex profile does not name the contending function")
	}
	if n := runtime.SetMutexProfileFraction(-1); n != 0 {
		t.Errorf("the mutex profile still has the fraction %d after the request", n)
	}
}

func gunzip(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
