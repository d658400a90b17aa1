package feed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"pitwall/engine/internal/pace"
)

// registryKey names, in each key set, a hash of the ephemeral instances: id -> when
// it was last seen, in ms by the server's clock, and the streams it has groups on,
// all separated by commas (which no stream key of ours contains).
const registryKey = "pitwall:groups"

// register notes that this process lives and has groups.
func (k *keySet) register(ctx context.Context) error {
	now, err := k.client.Time(ctx, k.registry())
	if err != nil {
		return err
	}
	return k.client.HashSet(ctx, k.registry(), k.lease.id, registryValue(now, k.streams))
}

// unregister destroys the groups of this process and forgets them.
func (k *keySet) unregister(ctx context.Context) error {
	return k.destroyGroups(ctx, k.lease.id, k.streams)
}

// reapLoop notes every so often that this process lives, and destroys the
// groups of those that do not, until ctx ends. A group that nobody reads costs
// nothing but its name, so a failure waits for the next round.
func (f *Feed) reapLoop(ctx context.Context) {
	var fault pace.LogLimiter
	every := f.opt.ReapAfter / 10
	for pace.Sleep(ctx, every/2+rand.N(every/2)) == nil {
		var errs []error
		for _, k := range f.keySets {
			if f.opt.Ephemeral {
				errs = append(errs, k.register(ctx))
			}
			errs = append(errs, k.reap(ctx, f.opt.ReapAfter))
		}
		if err := errors.Join(errs...); err != nil && ctx.Err() == nil {
			if n, ok := fault.Allow(time.Now()); ok {
				f.log.Warn("keeping the live groups in order failed", "error", err, "times", n)
			}
		}
	}
}

// reap destroys the groups of ephemeral instances that have no lease and were
// not seen for a time. Any number of processes may do so at once: each step
// may be repeated. One that stood still for so long and wakes up finds no group
// and makes it again.
func (k *keySet) reap(ctx context.Context, after time.Duration) error {
	instances, err := k.client.Hash(ctx, k.registry())
	if err != nil || len(instances) == 0 {
		return err
	}
	now, err := k.client.Time(ctx, k.registry())
	if err != nil {
		return err
	}
	for id, v := range instances {
		seen, streams := parseRegistryValue(v)
		if id == k.lease.id || now.Sub(seen) < after {
			continue
		}
		alive, err := k.client.Exists(ctx, k.key(leaseKey(id)))
		if err != nil {
			return err
		}
		if alive {
			continue
		}
		if err := k.destroyGroups(ctx, id, streams); err != nil {
			return err
		}
		k.lease.log.Info("groups of a process that is gone destroyed", "gone", id, "streams", streams, "silent", now.Sub(seen).Round(time.Second))
	}
	return nil
}

// destroyGroups removes an instance's groups, and then its entry in the
// registry, so that a failure half way is made good by the next round.
func (k *keySet) destroyGroups(ctx context.Context, id string, streams []string) error {
	for _, s := range streams {
		if _, err := k.client.DestroyGroup(ctx, s, GroupName(id)); err != nil {
			return fmt.Errorf("remove the groups of %s: %w", id, err)
		}
	}
	return k.client.HashDelete(ctx, k.registry(), id)
}

// registryValue writes an entry of the registry.
func registryValue(seen time.Time, streams []string) string {
	return strconv.FormatInt(seen.UnixMilli(), 10) + "," + strings.Join(streams, ",")
}

// parseRegistryValue reads one. What cannot be read was last seen at the epoch and
// has no streams, so that it is forgotten.
func parseRegistryValue(v string) (seen time.Time, streams []string) {
	first, rest, _ := strings.Cut(v, ",")
	ms, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return time.UnixMilli(0), nil
	}
	if rest != "" {
		streams = strings.Split(rest, ",")
	}
	return time.UnixMilli(ms), streams
}
