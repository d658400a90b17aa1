//go:build !race

// The race detector's memory is larger.

package live

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"pitwall/engine/internal/testenv"
)

// inUse is the memory of this process that the runtime has in use, in bytes.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what pools keep is gone with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// attacks are ways to have the server hold memory for a client that does not
// read. Each sends what it likes; full says when no more is taken of a client.
var attacks = []struct {
	name    string
	tls     bool
	flood   func(k int) []byte // what a client sends over and over, or once
	once    bool
	headers []string
	step    func(r *rig) // meanwhile
	change  func(*setup)
	full    func(s *session) bool
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
			su.live.RequestRate, su.live.RequestBurst = 1e-6, 8 // the honest spectator's
		},
		full: func(s *session) bool { return s.inbox.paused() && s.throttled.Load() },
	},
	{
		name: "subscribing again and again",
		flood: func(k int) []byte {
			topic := fmt.Sprintf(`"id":"x","topic":"event:e%d"}`, k%8)
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
		full: func(s *session) bool { return s.watches.Load() == 64*s.srv.watchCost() },
	},
	{
		name: "long requests after one that fills the queue",
		flood: func(int) []byte {
			return text(`{"type":"subscribe","id":"x","topic":"event:e1"` + strings.Repeat(" ", 3500) + `}`)
		},
		full: func(s *session) bool { return s.inbox.paused() && s.resume.Load() },
	},
	{
		name:  "messages that are begun",
		flood: func(int) []byte { return append(header(fin|opText, 4000), "{"...) },
		once:  true,
		full:  func(s *session) bool { return s.arriving.Load() > 0 },
	},
	{
		name: "messages in many frames",
		flood: func(int) []byte {
			return append(masked(opText, strings.Repeat(" ", 2000)), header(opContinuation, 1900)...)
		},
		once: true,
		full: func(s *session) bool { return s.arriving.Load() > 2048 },
	},
	{
		name: "pings of the protocol",
		flood: func(int) []byte {
			return append(text(`{"type":"subscribe","id":"x","topic":"event:e1"}`), bytes.Repeat(masked(fin|opPing, strings.Repeat("x", 125)), 10)...)
		},
		full: func(s *session) bool { return s.inbox.paused() && s.resume.Load() },
	},
	{
		name:  "a flow over TLS that is not read",
		tls:   true,
		flood: func(int) []byte { return text(`{"type":"subscribe","id":"x","topic":"event:flow"}`) },
		once:  true,
		step:  func(r *rig) { r.publishWith(padding, names(200)[100:]...) }, // of no other event, whose chunks would be memory as well
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
		headers: []string{offer},
		flood: func(int) []byte {
			return zipped(`{"type":"subscribe","id":"x","topic":"event:slow"` + strings.Repeat(" ", 4000) + `}`)
		},
		full: func(s *session) bool { return s.inbox.paused() && s.authWait.Load() != nil },
	},
}

// What is counted for connections is what they take: whatever a client does that
// does not read, the count is within 30 % of the memory that has come into use.
func TestWhatIsHeldIsCounted(t *testing.T) {
	const clients = 200
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			roster := map[string][]string{"flow": names(200)[100:]}
			for e := range 8 {
				roster[fmt.Sprintf("e%d", e)] = names(100)
			}
			for e := range 64 {
				roster[fmt.Sprintf("t%d", e)] = nil
			}
			answer := make(chan struct{})
			r := start(t, roster, tight, func(su *setup) {
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
			r.publishWith(padding, names(200)...)
			keep := r.spectator("") // so that the snapshots are there before
			for e := range 8 {
				keep.subscribe(fmt.Sprintf("e%d", e))
			}
			var wires []*wire
			dial := r.slow
			if a.tls {
				sec := r.secure()
				dial = func(query string, _ ...string) *wire { return sec.wire(query) }
			}
			for range clients {
				wires = append(wires, dial("", a.headers...))
			}
			r.newest()
			var ready, floods sync.WaitGroup
			begin, end := make(chan struct{}), make(chan struct{})
			for k, w := range wires {
				all := a.flood(k)
				if !a.once {
					size := 16 << 10
					if a.tls {
						size = 1 << 10 // what the client's end holds of a record is small
					}
					all = bytes.Repeat(all, 1+size/len(all))
				}
				ready.Add(1)
				floods.Go(func() {
					_, err := w.conn.Write(masked(fin|opPong, "")) // its stack has grown by this
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
			counted, before := -r.inAll(), -inUse()
			close(begin)
			testenv.Eventually(t, patience, "nothing more to be taken of any client", func() bool {
				if a.step != nil {
					a.step(r)
				}
				n := 0
				r.srv.sessions.Range(func(_ uint64, s *session) bool {
					if s.id > 1 && a.full(s) {
						n++
					}
					return true
				})
				return n == clients
			})
			memory, held := int64(0), int64(0)
			testenv.Eventually(t, patience, "memory to stay as it is", func() bool {
				was := memory
				memory, held = before+inUse(), counted+r.inAll()
				return max(was, memory)-min(was, memory) < memory/50
			})
			before, counted = memory, held
			t.Logf("%d bytes of memory for each client, %d counted", before/clients, counted/clients)
			const noise = clients << 10 // of what else the process does
			if 10*(before-noise) > 13*counted || 10*(counted-noise) > 13*before {
				t.Errorf("%d bytes are in use for each client, %d are counted: more than 30 %% apart", before/clients, counted/clients)
			}
			r.srv.sessions.Range(func(_ uint64, s *session) bool {
				if n := s.replies.Load(); n > maxReplyBytes+4096 {
					t.Errorf("%d bytes of replies are not read, %d may be", n, maxReplyBytes)
				}
				if n := s.inbox.held(); n > maxInboxBytes+8192 {
					t.Errorf("%d bytes of requests wait, %d may", n, maxInboxBytes)
				}
				return true
			})
			for _, w := range wires {
				_ = w.conn.Close()
			}
			close(end)
			close(answer)
			floods.Wait()
			r.gone(1)
		})
	}
}
