package ops

import (
	"context"
	"net/http"
	"time"
)

// MaxRanked is the greatest number of entries in each list of a Ranking.
const MaxRanked = 20

// Top is the answer of /top.
type Top struct {
	Report
	Ranking
}

// Ranking names what an operator looks for first. The engine fills it.
type Ranking struct {
	// Slowest are connections that wait for their client or have lagged, the slowest
	// first.
	Slowest []Connection `json:"slowest"`
	// Orphans are devices that send and are in no event, the one heard of last first.
	Orphans []Orphan `json:"orphans"`
	// OrphansError says why Orphans could not be listed; "" otherwise.
	OrphansError string `json:"orphansError,omitempty"`
}

// Connection is a connection of a spectator. User and Address are left out where
// everybody who reaches the listener may read them.
type Connection struct {
	ID          uint64 `json:"id"`
	User        string `json:"user,omitempty"`
	Address     string `json:"address,omitempty"` // IPv4, or the /64 of IPv6
	QueuedBytes int64  `json:"queuedBytes"`
	OldestMS    int64  `json:"oldestMs"` // age of the oldest unsent frame, in ms; 0 for none
	Lagged      int    `json:"lagged"`   // how often it got what changed instead of its queue
	Closing     bool   `json:"closing,omitempty"`
}

// Orphan is a device in no event, with its last position.
type Orphan struct {
	Device  string    `json:"device"`
	Time    time.Time `json:"time,omitzero"` // by the device's clock
	Arrival time.Time `json:"arrival,omitzero"`
	Place   *Place    `json:"place,omitempty"`
}

// Place is in degrees.
type Place struct {
	Lat float64 `json:"lat"`
	Lon float64 `json:"lon"`
}

// topTimeout bounds a look at the shards, together with the wait for the one before.
const topTimeout = 2 * time.Second

// top serves /top. One request at a time looks at the engine, and no more than one in
// statusEvery.
func (s *Server) top(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), topTimeout)
	defer cancel()
	select {
	case s.asked.top <- struct{}{}:
	case <-ctx.Done():
		http.Error(w, "too many requests for /top; try again", http.StatusServiceUnavailable)
		return
	}
	if now := time.Now(); now.Sub(s.asked.topAt) >= statusEvery {
		s.asked.lastTop, s.asked.topAt = s.o.Top(ctx), now
	}
	ranking := s.asked.lastTop
	<-s.asked.top
	if !s.private && s.token.Load() == "" {
		ranking.Slowest = withoutPersons(ranking.Slowest)
	}
	answerJSON(w, http.StatusOK, Top{s.report(), ranking})
}

// withoutPersons returns a copy of a list without what tells who somebody is.
func withoutPersons(list []Connection) []Connection {
	out := make([]Connection, len(list))
	for i, c := range list {
		c.User, c.Address = "", ""
		out[i] = c
	}
	return out
}
