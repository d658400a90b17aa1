package access

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// seatTime is how long a seat stays taken when nobody renews it: the instance
// that held it has died. Renewed three times as often.
const seatTime = 30 * time.Second

// Seats count the connections of links on all instances. Its methods are
// called from many goroutines.
type Seats interface {
	// TakeSeat adds a member to key for ttl, unless most others are there.
	TakeSeat(ctx context.Context, key, member string, most int, ttl time.Duration) (taken bool, err error)
	// KeepSeats prolongs members, and adds those that have been lost.
	KeepSeats(ctx context.Context, key string, members []string, ttl time.Duration) error
	// LeaveSeats removes members.
	LeaveSeats(ctx context.Context, key string, members []string) error
}

// seat is one connection of a link.
type seat struct{ key, member string }

// seating are the seats of this instance.
type seating struct {
	seats Seats
	log   *slog.Logger

	mu   sync.Mutex
	held map[*seat]bool
	left []*seat // given up here, not yet there
	wake chan struct{}
}

func newSeating(s Seats, log *slog.Logger) *seating {
	return &seating{seats: s, log: log, held: map[*seat]bool{}, wake: make(chan struct{}, 1)}
}

// take returns a seat at a link, nil when all are taken.
func (s *seating) take(ctx context.Context, link string, most int) (*seat, error) {
	at := &seat{key: "pitwall:link:" + link, member: rand.Text()}
	taken, err := s.seats.TakeSeat(ctx, at.key, at.member, most, seatTime)
	if err != nil {
		s.leave(at) // it may have been taken all the same
		return nil, fmt.Errorf("count the connections of a link: %w", err)
	}
	if !taken {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[at] = true
	return at, nil
}

// leave gives a seat up. It does not wait for Redis.
func (s *seating) leave(at *seat) {
	s.mu.Lock()
	delete(s.held, at)
	s.left = append(s.left, at)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run renews and gives up seats until ctx ends; then it gives up what has been
// left by then.
func (s *seating) run(ctx context.Context) {
	tick := time.NewTicker(seatTime / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			s.clear(last)
			return
		case <-tick.C:
			s.keep(ctx)
			s.clear(ctx)
		case <-s.wake:
			s.clear(ctx)
		}
	}
}

func (s *seating) keep(ctx context.Context) {
	s.mu.Lock()
	byKey := map[string][]string{}
	for at := range s.held {
		byKey[at.key] = append(byKey[at.key], at.member)
	}
	s.mu.Unlock()
	for key, members := range byKey {
		if err := s.seats.KeepSeats(ctx, key, members, seatTime); err != nil {
			s.log.Warn("the connections of links could not be renewed; others may be let in too many", "error", err)
			return
		}
	}
}

// clear gives up in Redis what has been left. What fails runs out by itself.
func (s *seating) clear(ctx context.Context) {
	s.mu.Lock()
	left := s.left
	s.left = nil
	s.mu.Unlock()
	byKey := map[string][]string{}
	for _, at := range left {
		byKey[at.key] = append(byKey[at.key], at.member)
	}
	for key, members := range byKey {
		for part := range slices.Chunk(members, 500) {
			if err := s.seats.LeaveSeats(ctx, key, part); err != nil {
				s.log.Warn("the connections of links could not be given up; they run out by themselves", "error", err)
				return
			}
		}
	}
}
