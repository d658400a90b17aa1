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

// registryKey names, in each key set, a hash of the ephemeral instances. A field is
// an instance id. Its value is when the instance was last seen, in ms by the
// server's clock, and the streams it has groups on, separated by commas. No stream
// key contains a comma.
const registryKey = "pitwall:groups"

// register records in the registry that this process is alive and which groups it
// has. It does nothing for an instance that is not ephemeral.
func (k *keySet) register(ctx context.Context) error {
	if !k.ephemeral {
		return nil
	}
	now, err := k.client.Time(ctx, k.registry())
	if err != nil {
		return err
	}
	return k.client.HashSet(ctx, k.registry(), k.lease.id, registryValue(now, k.streams))
}

// unregister destroys the groups of this process and removes it from the registry,
// if it is ephemeral.
func (k *keySet) unregister(ctx context.Context) error {
	if !k.ephemeral {
		return nil
	}
	return k.destroyGroups(ctx, k.lease.id, k.streams)
}

// reapLoop registers this process at intervals, and destroys the groups of dead
// processes, until ctx ends. An unread group takes little memory, so after a failure
// the next round is early enough.
func (f *Feed) reapLoop(ctx context.Context) {
	var fault pace.LogLimiter
	every := f.opt.ReapAfter / 10
	for pace.Sleep(ctx, every/2+rand.N(every/2)) == nil {
		var errs []error
		for _, k := range f.keySets {
			errs = append(errs, k.register(ctx), k.reap(ctx, f.opt.ReapAfter))
		}
		if err := errors.Join(errs...); err != nil && ctx.Err() == nil {
			if n, ok := fault.Allow(time.Now()); ok {
				f.log.Warn("reaping live groups failed", "error", err, "times", n)
			}
		}
	}
}

// reap destroys the groups of ephemeral instances that have no lease and have been
// silent for longer than silence. Several processes may do so at once, because each
// step can be repeated. A process that was suspended for that long finds no group
// when it resumes, and creates it again.
func (k *keySet) reap(ctx context.Context, silence time.Duration) error {
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
		if id == k.lease.id || now.Sub(seen) < silence {
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
		k.lease.log.Info("destroyed the groups of a dead process", "gone", id, "streams", streams, "silent", now.Sub(seen).Round(time.Second))
	}
	return nil
}

// destroyGroups destroys an instance's groups, and removes it from the registry
// last, so that the next round repeats what failed.
func (k *keySet) destroyGroups(ctx context.Context, id string, streams []string) error {
	for _, s := range streams {
		if _, err := k.client.DestroyGroup(ctx, s, GroupName(id)); err != nil {
			return fmt.Errorf("remove the groups of %s: %w", id, err)
		}
	}
	return k.client.HashDelete(ctx, k.registry(), id)
}

// registryValue formats the value of an instance in the registry.
func registryValue(seen time.Time, streams []string) string {
	return strconv.FormatInt(seen.UnixMilli(), 10) + "," + strings.Join(streams, ",")
}

// parseRegistryValue parses the value of an instance. An invalid one counts as last
// seen at the epoch and without streams, so that it is removed.
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
