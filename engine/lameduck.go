package engine

import "time"

// lameDuck waits for LIVE_LAME_DUCK_MS. Meanwhile everything still serves, but /readyz
// reports that the engine is not ready, so that load balancers stop sending clients
// before the port is closed. It ends early if a component fails, whose error it returns,
// if the lease is lost, or if EndLameDuck is called.
func (e *Engine) lameDuck() error {
	period := ms(e.cfg.LameDuckMS)
	if period == 0 || e.live == nil {
		return nil
	}
	select {
	case <-e.feed.Lost(): // the connections are closed already
		return nil
	default:
	}
	begin := time.Now()
	timer := time.NewTimer(period)
	defer timer.Stop()
	e.log.Info("not ready, still serving", "period", period)
	e.setLameDuck(true)
	defer e.setLameDuck(false)
	var err error
	select {
	case <-timer.C:
	case <-e.hurry:
	case <-e.feed.Lost():
	case err = <-e.failed:
		e.log.Error("a component has failed", "error", err)
	}
	e.log.Info("stopped", "step", "lame duck", "took", time.Since(begin).Round(time.Millisecond))
	return err
}

// EndLameDuck ends the lame-duck time, and reports whether it was under way. Any
// goroutine may call it.
func (e *Engine) EndLameDuck() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.inLameDuck {
		return false
	}
	e.hurry.Set()
	return true
}

func (e *Engine) setLameDuck(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.inLameDuck = on
}
