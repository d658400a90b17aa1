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

// slotTTL is how long a slot stays taken when nobody renews it, because the
// instance that held it has died. Slots are renewed three times as often, so that
// two renewals may fail.
const slotTTL = 30 * time.Second

// releaseBatch bounds the members of one command, which holds up all others of
// the server.
const releaseBatch = 500

// Slots count the connections of links on all instances. Its methods are called
// from many goroutines.
type Slots interface {
	// TakeConnectionSlot adds a member to key for ttl, unless most others are there.
	TakeConnectionSlot(ctx context.Context, key, member string, most int, ttl time.Duration) (taken bool, err error)
	// RenewConnectionSlots prolongs members, and adds those that have been lost.
	RenewConnectionSlots(ctx context.Context, key string, members []string, ttl time.Duration) error
	// ReleaseConnectionSlots removes members.
	ReleaseConnectionSlots(ctx context.Context, key string, members []string) error
}

// slot is one connection of a link. Its address is its identity in slotKeeper.
type slot struct{ key, member string }

// slotKeeper holds the slots that this instance has taken. Its methods may be
// called from any goroutine, but run and what it calls.
type slotKeeper struct {
	store Slots
	log   *slog.Logger

	mu       sync.Mutex // not held while Redis is waited for
	held     map[*slot]bool
	released []*slot // given up here, not yet in Redis
	wake     chan struct{}
}

func newSlotKeeper(s Slots, log *slog.Logger) *slotKeeper {
	return &slotKeeper{store: s, log: log, held: map[*slot]bool{}, wake: make(chan struct{}, 1)}
}

// take returns a slot of a link, nil when all are taken.
func (k *slotKeeper) take(ctx context.Context, link string, most int) (*slot, error) {
	own := &slot{key: "pitwall:link:" + link, member: rand.Text()}
	taken, err := k.store.TakeConnectionSlot(ctx, own.key, own.member, most, slotTTL)
	if err != nil {
		k.release(own) // the answer may have been lost after it was taken
		return nil, fmt.Errorf("count the connections of a link: %w", err)
	}
	if !taken {
		return nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held[own] = true
	return own, nil
}

// release gives a slot up. It does not wait for Redis: run does.
func (k *slotKeeper) release(s *slot) {
	k.mu.Lock()
	delete(k.held, s)
	k.released = append(k.released, s)
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run renews and releases slots until ctx ends. Then it releases what was given up
// by that time.
func (k *slotKeeper) run(ctx context.Context) {
	tick := time.NewTicker(slotTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			k.flush(last)
			return
		case <-tick.C:
			k.renew(ctx)
			k.flush(ctx)
		case <-k.wake:
			k.flush(ctx)
		}
	}
}

func (k *slotKeeper) renew(ctx context.Context) {
	k.mu.Lock()
	members := map[string][]string{}
	for s := range k.held {
		members[s.key] = append(members[s.key], s.member)
	}
	k.mu.Unlock()
	for key, list := range members {
		if err := k.store.RenewConnectionSlots(ctx, key, list, slotTTL); err != nil {
			k.log.Warn("the connections of links could not be renewed; others may be let in too many", "error", err)
			return
		}
	}
}

// flush removes from Redis what was released. What fails expires by itself.
func (k *slotKeeper) flush(ctx context.Context) {
	k.mu.Lock()
	released := k.released
	k.released = nil
	k.mu.Unlock()
	members := map[string][]string{}
	for _, s := range released {
		members[s.key] = append(members[s.key], s.member)
	}
	for key, list := range members {
		for batch := range slices.Chunk(list, releaseBatch) {
			if err := k.store.ReleaseConnectionSlots(ctx, key, batch); err != nil {
				k.log.Warn("the connections of links could not be given up; they run out by themselves", "error", err)
				return
			}
		}
	}
}
