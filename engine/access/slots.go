package access

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"pitwall/engine/internal/pace"
)

// slotTTL is how long a slot stays taken without a renewal, for example after the
// instance that holds it has died. Slots are renewed every third of it, so two renewals
// in a row may fail.
const slotTTL = 30 * time.Second

// releaseBatch is the most members that one command removes. The server runs one command
// at a time, so a larger batch would delay all other commands.
const releaseBatch = 500

// Slots counts the connections of share links on all instances. Its methods are called
// from many goroutines.
type Slots interface {
	// TakeConnectionSlot adds a member to key for ttl, unless key has limit members.
	TakeConnectionSlot(ctx context.Context, key, member string, limit int, ttl time.Duration) (taken bool, err error)
	// RenewConnectionSlots extends members by ttl from now, and adds missing ones again.
	RenewConnectionSlots(ctx context.Context, key string, members []string, ttl time.Duration) error
	// ReleaseConnectionSlots removes members.
	ReleaseConnectionSlots(ctx context.Context, key string, members []string) error
}

// errLinkFull means that all connections of a share link are taken.
var errLinkFull = errors.New("all connections of the share link are taken")

// slot is one connection of a share link. slotKeeper identifies it by its pointer.
type slot struct{ key, member string }

// slotKeeper keeps the slots that this instance holds. Any goroutine may call take and
// release.
type slotKeeper struct {
	store Slots
	log   *slog.Logger

	mu       sync.Mutex // not held during a command to Redis
	held     map[*slot]bool
	released []*slot     // not yet released in Redis
	wake     pace.Signal // set by release
}

func newSlotKeeper(s Slots, log *slog.Logger) *slotKeeper {
	return &slotKeeper{store: s, log: log, held: map[*slot]bool{}, wake: pace.NewSignal()}
}

// take takes a slot of a link. It returns errLinkFull if none is free.
func (k *slotKeeper) take(ctx context.Context, link string, limit int) (*slot, error) {
	own := &slot{key: "pitwall:link:" + link, member: rand.Text()}
	taken, err := k.store.TakeConnectionSlot(ctx, own.key, own.member, limit, slotTTL)
	if err != nil {
		k.release(own) // Redis may have run the command
		return nil, fmt.Errorf("count the connections of a share link: %w", err)
	}
	if !taken {
		return nil, errLinkFull
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held[own] = true
	return own, nil
}

// release releases a slot. It does not block: run sends the command.
func (k *slotKeeper) release(s *slot) {
	k.mu.Lock()
	delete(k.held, s)
	k.released = append(k.released, s)
	k.mu.Unlock()
	k.wake.Set()
}

// run renews and releases slots until ctx ends. At the end it sends the last releases.
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

// renew renews the slots of all links. After an error it goes on with the other links:
// on a Cluster these may be on another node.
func (k *slotKeeper) renew(ctx context.Context) {
	k.mu.Lock()
	members := membersOf(maps.Keys(k.held))
	k.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, slotTTL/3)
	defer cancel()
	var failed faults
	for key, list := range members {
		failed.add(k.store.RenewConnectionSlots(limited, key, list, slotTTL))
	}
	if failed.first != nil {
		k.log.Warn("the connections of share links could not be renewed; too many others may be accepted", "error", failed.first, "times", failed.times)
	}
}

// flush sends the releases to Redis, also after an error. Slots whose release fails
// expire.
func (k *slotKeeper) flush(ctx context.Context) {
	k.mu.Lock()
	released := k.released
	k.released = nil
	k.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, slotTTL/3)
	defer cancel()
	var failed faults
	for key, list := range membersOf(slices.Values(released)) {
		for batch := range slices.Chunk(list, releaseBatch) {
			failed.add(k.store.ReleaseConnectionSlots(limited, key, batch))
		}
	}
	if failed.first != nil {
		k.log.Warn("the connections of share links could not be released; they expire by themselves", "error", failed.first, "times", failed.times)
	}
}

// faults counts the errors of commands, and keeps the first one.
type faults struct {
	first error
	times int
}

func (f *faults) add(err error) {
	if err == nil {
		return
	}
	if f.first == nil {
		f.first = err
	}
	f.times++
}

// membersOf groups the members of slots by key.
func membersOf(slots iter.Seq[*slot]) map[string][]string {
	members := map[string][]string{}
	for s := range slots {
		members[s.key] = append(members[s.key], s.member)
	}
	return members
}
