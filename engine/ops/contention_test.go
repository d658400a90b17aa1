package ops

import (
	"bytes"
	"compress/gzip"
	"io"
	"runtime"
	"sync"
	"testing"
)

// TestContentionIsRecordedWhileAsked finds this test's own fight for a mutex
// in the profile, and nothing recorded afterwards.
func TestContentionIsRecordedWhileAsked(t *testing.T) {
	s := start(t, Options{})
	stop := make(chan struct{})
	var mu sync.Mutex
	var fighters sync.WaitGroup
	for range 4 {
		fighters.Go(func() {
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
	fighters.Wait()
	text, err := gunzip([]byte(got))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("TestContentionIsRecordedWhileAsked")) {
		t.Error("the profile of mutexes does not name the function that fights for one")
	}
	if n := runtime.SetMutexProfileFraction(-1); n != 0 {
		t.Errorf("the mutex profile goes on with fraction %d after the request", n)
	}
}

func gunzip(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
