package live

import "time"

// A client that sends more than it may is told so once, and is then not served for
// throttleTime: its requests wait, the inbox fills, the reader stops, and TCP slows
// the client down. If each request were refused, each message of a flood would cost
// a read, a parse and a reply.

// throttleTime is how long a connection is not served after it has exceeded its rate.
const throttleTime = time.Second

// throttle has the session's next request wait. The dispatchers call it.
//
// Memory ordering: throttled is cleared before schedule, so a dispatcher that found
// it set is followed by another look at the session. leave stops the timer, which
// would otherwise keep a client that has gone in memory, where nothing counts it.
func (s *session) throttle() {
	s.throttled.Store(true)
	s.srv.m.throttles.Inc()
	s.throttleTimer = time.AfterFunc(s.srv.throttleTime, s.endThrottle)
}

// endThrottle runs on the timer's goroutine.
func (s *session) endThrottle() {
	s.throttled.Store(false)
	s.schedule()
}

// countPing counts a ping frame, which no dispatcher sees. Beyond the rate of
// requests the reader stops. The reader calls it.
func (s *session) countPing() {
	if o := &s.srv.opts; !s.pings.take(o.RequestRate, o.RequestBurst, time.Now()) {
		s.srv.m.throttles.Inc()
		s.inbox.pause(s.srv.throttleTime)
	}
}

// pause has the reader stop for d, before it reads on.
func (q *inbox) pause(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.throttled {
		return
	}
	q.throttled = true
	time.AfterFunc(d, q.resume)
}

// resume runs on the timer's goroutine.
func (q *inbox) resume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.throttled = false
	q.wake()
}
