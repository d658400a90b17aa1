package redis

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

func TestSentinel(t *testing.T) {
	master, _ := testenv.RedisPair(t)
	sentinels, url := testenv.Sentinels(t, master)
	c := open(t, url)
	r := placedReader(t, c, readAll)
	must(c.Add(t.Context(), "s", 0, "a", "1"))(t)
	master.AwaitReplica()
	if got := must(r.Read(t.Context(), nil))(t); len(got) != 1 {
		t.Errorf("read %v", ids(got))
	}
	master.Kill()
	testenv.Eventually(t, time.Minute, "a command on the promoted replica", func() bool {
		_, err := c.Add(t.Context(), "s", 0, "a", "2")
		return err == nil
	})
	if n := must(c.Length(t.Context(), "s"))(t); n != 2 {
		t.Errorf("%d entries on the promoted replica, want 2", n)
	}
	testenv.Eventually(t, time.Minute, "a read from the promoted replica", func() bool {
		return r.Place(t.Context(), ID{}) == nil
	})
	if got := must(r.Read(t.Context(), nil))(t); len(got) != 2 {
		t.Errorf("read %v after the failover", ids(got))
	}

	_, err := Open(t.Context(), Options{URL: sentinels[0].URL() + "?master_set=other", Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "REDIS_URL") || !strings.Contains(err.Error(), "master_set") {
		t.Errorf("an unknown master: %v", err)
	}
	_, err = Open(t.Context(), Options{URL: sentinels[0].URL(), Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "master_set") {
		t.Errorf("a Sentinel without master_set: %v", err)
	}
}
