package shard

import (
	"testing"
	"testing/synctest"
	"time"
)

// The timer fires at the time that was set last and at no other. It fires again if it is set
// to the time at which it has just fired. It does not fire after it was set to never.
func TestWakeTimerFiresAtTheLastTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		now := func() int64 { return int64(time.Since(start)) + 1 }
		var fired []int64
		firings := make(chan int64, 1)
		b := newWakeTimer(func() { firings <- now() })
		defer b.stop()
		ms := func(n int64) int64 { return n * int64(time.Millisecond) }
		to := func(at int64) {
			<-time.After(time.Duration(at - now()))
			synctest.Wait()
			select {
			case at := <-firings:
				fired = append(fired, at)
			default:
			}
		}
		expect := func(want ...int64) {
			t.Helper()
			if len(fired) != len(want) {
				t.Fatalf("fired at %v, want %v", fired, want)
			}
			for i := range want {
				if fired[i] != want[i] {
					t.Fatalf("fired at %v, want %v", fired, want)
				}
			}
		}
		for range 3 {
			b.set(ms(100), now())
			to(now() + ms(10))
		}
		to(ms(99))
		expect()
		to(ms(100))
		expect(ms(100))
		b.set(ms(100), ms(100)-1) // by the core's clock it has fired early
		to(ms(100) + 1)
		expect(ms(100), ms(100)+1)
		b.set(ms(300), now())
		b.set(ms(200), now()) // earlier
		to(ms(250))
		expect(ms(100), ms(100)+1, ms(200))
		b.set(ms(400), now())
		b.set(never, now())
		to(ms(500))
		expect(ms(100), ms(100)+1, ms(200))
		b.set(ms(450), now()) // in the past
		to(ms(501))
		expect(ms(100), ms(100)+1, ms(200), ms(500))
	})
}

// BenchmarkWait models a shard that applies a batch and then waits until the same time
// again: with the wake timer, and with a timer's channel in the select.
func BenchmarkWait(b *testing.B) {
	const due = int64(time.Hour)
	wait := func(b *testing.B, wait func(batches chan *Batch) *Batch) {
		batches, taken := make(chan *Batch, inboxBatches), make(chan struct{})
		go func() {
			for wait(batches) != nil {
				taken <- struct{}{}
			}
			close(taken)
		}()
		for b.Loop() {
			batches <- new(Batch)
			<-taken
		}
		close(batches)
		<-taken
	}
	b.Run("wakeTimer", func(b *testing.B) {
		wake := make(chan struct{}, 1)
		timer := newWakeTimer(func() { wake <- struct{}{} })
		defer timer.stop()
		wait(b, func(batches chan *Batch) *Batch {
			timer.set(due, 1)
			select {
			case k := <-batches:
				return k
			case <-wake:
				return nil
			}
		})
	})
	b.Run("channel", func(b *testing.B) {
		timer := time.NewTimer(time.Hour)
		defer timer.Stop()
		wait(b, func(batches chan *Batch) *Batch {
			timer.Reset(time.Duration(due))
			select {
			case k := <-batches:
				return k
			case <-timer.C:
				return nil
			}
		})
	})
}
