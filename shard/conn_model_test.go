//go:build ringmodel

package shard

import (
	"testing"
	"time"

	"pitwall/shard/internal/step"
)

// flushesModel has two producers push a chunk each to a connection with a bound of one
// chunk while the writer takes them. When both are written and a window has passed, the
// producers push again, while the writer ends its turn. It reports whether the
// connection lagged. With planted, the writer does not note that the queue is below its
// bound again.
func flushesModel(t *testing.T, planted bool) (lagged bool, played int) {
	played = step.Explore(t, 1, func() ([]step.Thread, func()) {
		now, flush := int64(1), 0
		c := &Conn{core: &Core{maxSlots: 1, maxBytes: queuedBytes, now: func() int64 { return now }}}
		c.core.window.Store(int64(100 * time.Millisecond))
		produce := func() step.Thread {
			return func(wait func()) {
				for n := range 2 {
					for flush < n {
						wait()
					}
					c.offer(&Chunk{body: []byte{1}}, streamOpen)
				}
			}
		}
		write := func(wait func()) {
			for n := range 2 {
				for taken := 0; taken < 2 && !c.Lagged(); {
					ch := c.consumer().Take()
					if ch == nil {
						wait()
						continue
					}
					if taken++; planted {
						c.queued.Add(^uint64(queuedSlot))
					} else {
						c.consumer().Release(ch)
					}
				}
				now += c.core.window.Load()
				flush = n + 1
			}
		}
		return []step.Thread{produce(), produce(), write}, func() {
			lagged = lagged || c.Lagged()
		}
	})
	return lagged, played
}

func TestFastWriterDoesNotLagInAnyInterleaving(t *testing.T) {
	lagged, played := flushesModel(t, false)
	if lagged {
		t.Error("a connection that was written between two flushes lags")
	}
	t.Logf("%d schedules", played)
	if played < 10000 {
		t.Errorf("only %d schedules played: the model has lost its steps", played)
	}
}

func TestFlushesModelFindsAPlantedBug(t *testing.T) {
	if lagged, _ := flushesModel(t, true); !lagged {
		t.Error("the planted bug was not seen")
	}
}
