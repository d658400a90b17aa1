//go:build !race

// The race detector uses more memory.

package live

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// memoryInUse is what the runtime has in use for heap and stacks, in bytes.
func memoryInUse() int64 {
	runtime.GC()
	runtime.GC() // the second empties sync.Pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// attacks are ways to make the server hold memory for a client that does not read.
var attacks = []struct {
	name    string
	tls     bool
	flood   func(client int) []byte // what a client sends again and again, or once
	once    bool
	headers []string     // of the handshake
	step    func(r *rig) // is called again and again meanwhile; may be nil
	change  func(*setup)
	full    func(s *session) bool // the server takes no more from the client
}{
	{
		name:  "pings",
		flood: func(int) []byte { return text(`{"type":"ping","id":"x"}`) },
		full:  func(s *session) bool { return s.inbox.paused() && s.resume.Load() },
	},
	{
		name:  "pings over TLS",
		tls:   true,
		flood: func(int) []byte { return text(`{"type":"ping","id":"x"}`) },
		full:  func(s *session) bool { return s.inbox.paused() && s.resume.Load() },
	},
	{
		name:  "requests that are refused",
		flood: func(int) []byte { return text(`{"type":"subscribe","id":"x","topic":"nothing"}`) },
		change: func(su *setup) {
			su.live.RequestRate, su.live.RequestBurst = 1e-6, 8 // the burst is for the other spectator
		},
		full: func(s *session) bool { return s.inbox.paused() && s.throttled.Load() },
	},
	{
		name: "subscribing again and again",
		flood: func(client int) []byte {
			topic := fmt.Sprintf(`"id":"x","topic":"event:e%d"}`, client%8)
			return append(text(`{"type":"subscribe",`+topic), text(`{"type":"unsubscribe",`+topic)...)
		},
		full: func(s *session) bool { return s.inbox.paused() && s.resume.Load() },
	},
	{
		name: "many topics",
		flood: func(int) (all []byte) {
			for e := range 64 {
				all = append(all, text(fmt.Sprintf(`{"type":"subscribe","id":"x","topic":"event:t%d"}`, e))...)
			}
			return all
		},
		once: true,
		full: func(s *session) bool { return s.subscribed.Load() == 64*s.srv.subscriptionCost() },
	},
	{
		name: "long requests after one that fills the queue",
		flood: func(int) []byte {
			return text(`{"type":"subscribe","id":"x","topic":"event:e1"` + strings.Repeat(" ", 3500) + `}`)
		},
		full: func(s *session) bool { return s.inbox.paused() && s.resume.Load() },
	},
	{
		name:  "incomplete messages",
		flood: func(int) []byte { return append(header(fin|opText, 4000), "{"...) },
		once:  true,
		full:  func(s *session) bool { return s.arriving.Load() > 0 },
	},
	{
		name: "fragmented messages",
		flood: func(int) []byte {
			return append(masked(opText, strings.Repeat(" ", 2000)), header(opContinuation, 1900)...)
		},
		once: true,
		full: func(s *session) bool { return s.arriving.Load() > 2048 },
	},
	{
		name: "ping frames",
		flood: func(int) []byte {
			return append(text(`{"type":"subscribe","id":"x","topic":"event:e1"}`), bytes.Repeat(masked(fin|opPing, strings.Repeat("x", 125)), 10)...)
		},
		full: func(s *session) bool { return s.inbox.paused() && s.resume.Load() },
	},
	{
		name:  "live positions over TLS that are not read",
		tls:   true,
		flood: func(int) []byte { return text(`{"type":"subscribe","id":"x","topic":"event:live"}`) },
		once:  true,
		step:  func(r *rig) { r.publishWith(padding, deviceNames(200)[100:]...) }, // devices of no other event, since its chunks would take memory, too
		full:  func(s *session) bool { return s.conn.Lagged() && s.waiting.Load() > 0 },
	},
	{
		name: "long requests that wait for an access decision",
		flood: func(int) []byte {
			return text(`{"type":"subscribe","id":"x","topic":"event:slow"` + strings.Repeat(" ", 3500) + `}`)
		},
		full: func(s *session) bool { return s.inbox.paused() && s.authWait.Load() != nil },
	},
	{
		name:    "compressed requests that wait for an access decision",
		headers: []string{offerDeflate},
		flood: func(int) []byte {
			return compressed(`{"type":"subscribe","id":"x","topic":"event:slow"` + strings.Repeat(" ", 4000) + `}`)
		},
		full: func(s *session) bool { return s.inbox.paused() && s.authWait.Load() != nil },
	},
}

// The server counts the memory that connections hold. Whatever a client does that
// does not read, the count is within 30 % of the memory that has come into use.
func TestHeldMemoryIsCounted(t *testing.T) {
	const clientCount = 200
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			roster := map[string][]string{"live": deviceNames(200)[100:]}
			for e := range 8 {
				roster[fmt.Sprintf("e%d", e)] = deviceNames(100)
			}
			for e := range 64 {
				roster[fmt.Sprintf("t%d", e)] = nil
			}
			answer := make(chan struct{})
			r := start(t, roster, smallBuffers, func(su *setup) {
				su.rule.ask = func(_ context.Context, event string) error {
					if event == "slow" {
						<-answer
					}
					return nil
				}
				if a.change != nil {
					a.change(su)
				}
			})
			r.publishWith(padding, deviceNames(200)...)
			other := r.watch("") // builds the snapshots before memory is measured
			for e := range 8 {
				other.subscribe(fmt.Sprintf("e%d", e))
			}
			var clients []*rawClient
			dial := r.slowClient
			if a.tls {
				l := r.listenTLS()
				dial = func(query string, _ ...string) *rawClient { return l.slowClient(query) }
			}
			for range clientCount {
				clients = append(clients, dial("", a.headers...))
			}
			r.newestSession()
			var ready, floods sync.WaitGroup
			begin, end := make(chan struct{}), make(chan struct{})
			for k, w := range clients {
				all := a.flood(k)
				if !a.once {
					size := 16 << 10
					if a.tls {
						size = 1 << 10 // the client's side holds a record, too
					}
					all = bytes.Repeat(all, 1+size/len(all))
				}
				ready.Add(1)
				floods.Go(func() {
					_, err := w.conn.Write(masked(fin|opPong, "")) // grows the stack before memory is measured
					ready.Done()
					for <-begin; err == nil; {
						if _, err = w.conn.Write(all); a.once {
							break
						}
					}
					<-end
					runtime.KeepAlive(all)
				})
			}
			ready.Wait()
			counted, before := -r.heldBytes(), -memoryInUse()
			close(begin)
			eventually(t, "the server to take no more from any client", func() bool {
				if a.step != nil {
					a.step(r)
				}
				n := 0
				r.eachSession(func(s *session) {
					if s.id > 1 && a.full(s) {
						n++
					}
				})
				return n == clientCount
			})
			memory, held := int64(0), int64(0)
			eventually(t, "the memory in use to be stable", func() bool {
				was := memory
				memory, held = before+memoryInUse(), counted+r.heldBytes()
				return max(was, memory)-min(was, memory) < memory/50
			})
			before, counted = memory, held
			t.Logf("for each client %d bytes are in use, %d are counted", before/clientCount, counted/clientCount)
			const noise = clientCount << 10 // what else the process does
			if 10*(before-noise) > 13*counted || 10*(counted-noise) > 13*before {
				t.Errorf("%d bytes are in use for each client and %d are counted, want a difference of 30 %% at most", before/clientCount, counted/clientCount)
			}
			r.eachSession(func(s *session) {
				if n := s.replies.Load(); n > maxReplyBytes+4096 {
					t.Errorf("%d bytes of replies are unsent, want about %d at most", n, maxReplyBytes)
				}
				if n := s.inbox.held(); n > maxInboxBytes+8192 {
					t.Errorf("%d bytes of requests wait, want about %d at most", n, maxInboxBytes)
				}
			})
			for _, w := range clients {
				_ = w.conn.Close()
			}
			close(end)
			close(answer)
			floods.Wait()
			r.awaitConnections(1)
		})
	}
}
