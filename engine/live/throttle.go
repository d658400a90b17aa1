package live

import "time"

// A client that sends more than it may is told so once, and then not listened to
// for throttleTime: its requests wait, the inbox fills, the reader stops, and TCP slows
// the client down. Refusing each request would let a flood cost a read, a parse
// and a reply for each of its messages.

// throttleTime is how long a connection is not served after it has exceeded its rate.
const throttleTime = time.Second

// throttle has the session's next request wait. The dispatchers call it.
//
// Memory ordering: throttled is cleared before schedule, so a dispatcher that found
// it set is followed by another look at the session.
func (s *session) throttle() {
	s.throttled.Store(true)
	s.srv.m.throttles.Inc()
	time.AfterFunc(s.srv.throttleTime, func() {
		s.throttled.Store(false)
		s.schedule()
	})
}

// pinged counts a ping frame, which no dispatcher sees. Beyond the rate of
// requests the reader stops. The reader calls it.
func (s *session) pinged() {
	if o := &s.srv.opts; !s.pings.take(o.RequestRate, o.RequestBurst, time.Now()) {
		s.srv.m.throttles.Inc()
		s.inbox.throttle(s.srv.throttleTime)
	}
}

// throttle has the reader stop for d, before it reads on.
func (q *inbox) throttle(d time.Duration) {
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
