package access

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// partlyAway is a store whose keys are on two nodes of a Cluster, one of which is away.
type partlyAway struct{ renewed, released map[string]int }

var errNodeAway = errors.New("the node is away")

func (p *partlyAway) do(done map[string]int, key string, members []string) error {
	if strings.HasSuffix(key, "away") {
		return errNodeAway
	}
	done[key] += len(members)
	return nil
}

func (p *partlyAway) TakeConnectionSlot(context.Context, string, string, int, time.Duration) (bool, error) {
	return true, nil
}

func (p *partlyAway) RenewConnectionSlots(_ context.Context, key string, members []string, _ time.Duration) error {
	return p.do(p.renewed, key, members)
}

func (p *partlyAway) ReleaseConnectionSlots(_ context.Context, key string, members []string) error {
	return p.do(p.released, key, members)
}

// The slots of a link are renewed and released although those of another one fail,
// which is logged once.
func TestSlotsOfOtherLinksGoOn(t *testing.T) {
	store := &partlyAway{map[string]int{}, map[string]int{}}
	var log bytes.Buffer
	k := newSlotKeeper(store, slog.New(slog.NewTextHandler(&log, nil)))
	links := []string{"1", "away", "2", "3", "also-away"}
	var all []*slot
	for _, link := range links {
		s, err := k.take(t.Context(), link, 9)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	k.renew(t.Context())
	for _, s := range all {
		k.release(s)
	}
	k.flush(t.Context())
	for _, link := range []string{"1", "2", "3"} {
		key := "pitwall:link:" + link
		if store.renewed[key] != 1 || store.released[key] != 1 {
			t.Errorf("link %s: %d slots renewed, %d released; want 1 and 1", link, store.renewed[key], store.released[key])
		}
	}
	for _, what := range []string{"could not be renewed", "could not be released"} {
		if strings.Count(log.String(), what) != 1 || strings.Count(log.String(), "times=2") != 2 {
			t.Errorf("%q is not there once for two links:\n%s", what, log.String())
		}
	}
}
