package live

import "time"

// A client that exceeds its request rate gets one error, and is then not served for
// throttleTime: its requests wait, the inbox fills, the reader stops, and TCP slows the
// client down. If each request were refused instead, each message of a flood would cost
// a read, a parse and a reply.

// throttleTime is how long a client that exceeded its rate is not served.
const throttleTime = time.Second

// throttle has the session's next request wait. The dispatchers call it.
//
// Memory ordering: throttled is cleared before schedule is called, so after a dispatcher
// has found it set, a dispatcher looks at the session once more. leave stops the timer:
// it would otherwise keep the session in memory after it has left, where nothing counts
// it.
func (s *session) throttle() {
	s.throttled.Store(true)
	s.srv.m.throttles.Inc()
	s.throttleTimer = time.AfterFunc(s.srv.throttleTime, func() {
		s.throttled.Store(false)
		s.schedule()
	})
}

// countPing counts a ping frame, which is answered without a dispatcher. Beyond the
// request rate it pauses the reader. The reader calls it.
func (s *session) countPing() {
	if b := s.srv.bounds.Load(); !s.pings.take(b.RequestRate, b.RequestBurst, time.Now()) {
		s.srv.m.throttles.Inc()
		s.inbox.pause(s.srv.throttleTime)
	}
}

// pause has the reader wait for d before it reads on.
func (q *inbox) pause(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.throttled {
		return
	}
	q.throttled = true
	time.AfterFunc(d, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.throttled = false
		q.wake()
	})
}
