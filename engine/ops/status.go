package ops

import (
	"context"
	"net/http"
	"sync"
	"time"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/plain"
	"pitwall/shard"
)

// Report is the answer of /status.
type Report struct {
	Instance string    `json:"instance"`
	Now      time.Time `json:"now"`
	Started  time.Time `json:"started"`

	Ready  bool            `json:"ready"`
	Reason string          `json:"reason,omitempty"`
	Parts  []health.Status `json:"parts"`

	Activity
}

// Activity is what runs through a process. The engine fills it.
type Activity struct {
	// RateSeconds is the time over which the rates were measured, at most 10 s; 0
	// right after the start, when there are none yet.
	RateSeconds float64 `json:"rateSeconds"`
	Rates       Rates   `json:"rates"`
	// Lags has one entry for each stream and reader.
	Lags          []Lag `json:"lags"`
	Connections   int   `json:"connections"`
	Subscriptions int   `json:"subscriptions"`
	Devices       int   `json:"devices"`       // that were heard of
	OrphanDevices int   `json:"orphanDevices"` // those of them in no event
	WindowMS      int64 `json:"windowMs"`      // the least time between two flushes of a topic
	// Topics are the events with most spectators, at most MaxTopics. TopicsLeftOut
	// counts the others that have spectators.
	Topics        []shard.Audience `json:"topics"`
	TopicsLeftOut int              `json:"topicsLeftOut"`
}

// Rates are per second.
type Rates struct {
	Records   float64 `json:"records"`   // read from the streams
	Positions float64 `json:"positions"` // sent, counted for each spectator
	Rows      float64 `json:"rows"`      // written to the table
}

// Lag is how old the oldest record is that a reader has not handled.
type Lag struct {
	Reader string `json:"reader"` // "live" or "archive"
	Stream string `json:"stream"`
	MS     int64  `json:"ms"`
}

// MaxTopics is the greatest number of topics in an Activity.
const MaxTopics = 50

// statusEvery is the least time between two looks at the engine, however often
// clients ask.
const statusEvery = 500 * time.Millisecond

// deviceTimeout bounds a look at a device, together with the wait for the one before.
const deviceTimeout = 3 * time.Second

// asked keeps questions to the engine cheap.
type asked struct {
	mu     sync.Mutex
	at     time.Time
	last   Activity
	device chan struct{} // holds a token while a device is looked at

	top     chan struct{} // holds a token while the fields below are used
	topAt   time.Time
	lastTop Ranking
}

// activity returns what the engine last told, or asks again.
func (s *Server) activity(now time.Time) Activity {
	s.asked.mu.Lock()
	defer s.asked.mu.Unlock()
	if s.o.Activity != nil && now.Sub(s.asked.at) >= statusEvery {
		s.asked.last, s.asked.at = s.o.Activity(), now
	}
	return s.asked.last
}

// report returns the answer of /status.
func (s *Server) report() Report {
	now := time.Now()
	_, ready := s.readiness()
	return Report{
		Instance: s.o.Instance(), Now: now, Started: s.started,
		Ready: ready.Ready, Reason: ready.Reason, Parts: s.o.Parts(), Activity: s.activity(now),
	}
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, s.report())
}

// device serves /device?id=…. One request at a time looks at the engine.
func (s *Server) device(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	if id == "" || len(id) > maxDeviceID {
		http.Error(w, "want /device?id=…, with the id of a device", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), deviceTimeout)
	defer cancel()
	select {
	case s.asked.device <- struct{}{}:
		defer func() { <-s.asked.device }()
	case <-ctx.Done():
		http.Error(w, "too many requests for devices; try again", http.StatusServiceUnavailable)
		return
	}
	d, err := s.o.Device(ctx, id)
	if err != nil {
		http.Error(w, plain.Line(err.Error()), http.StatusServiceUnavailable)
		return
	}
	answerJSON(w, http.StatusOK, d)
}

// maxDeviceID is the longest id that is looked up, in bytes. The decoder accepts 64.
const maxDeviceID = 1024
