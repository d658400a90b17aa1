package viewer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// Event is an event that can be watched.
type Event struct {
	ID      string `json:"id"`
	Devices int    `json:"devices"` // how many take part in it
}

// List is the answer of /events.json. It is made when the events change and shared by
// all requests, so a request costs the same however many events there are. The zero value
// is an empty list. Any goroutine may call its methods.
type List struct {
	mu   sync.RWMutex
	body *file // nil: no events
}

var noEvents = &file{contentType: jsonType, plain: []byte("[]\n")}

const jsonType = "application/json"

// Set replaces the events. They are shown in that order. An error means that they could
// not be encoded; the list is then unchanged.
func (l *List) Set(events []Event) error {
	body := noEvents
	if len(events) > 0 {
		b, err := json.Marshal(events)
		if err != nil {
			return fmt.Errorf("write the list of events: %w", err)
		}
		b = append(b, '\n')
		if bytes.Equal(b, l.current().plain) {
			return nil
		}
		small, err := compress(b)
		if err != nil {
			return fmt.Errorf("compress the list of events: %w", err)
		}
		body = &file{contentType: jsonType, plain: b, small: small}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.body = body
	return nil
}

func (l *List) current() *file {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.body == nil {
		return noEvents
	}
	return l.body
}

// ServeHTTP implements http.Handler.
func (l *List) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	l.current().send(w, r)
}
