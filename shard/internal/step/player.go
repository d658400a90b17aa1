//go:build ringmodel

package step

// player runs threads one step at a time, in a given order. Only one goroutine runs at
// any moment: the player's, or that of the thread whose turn it is.
type player struct {
	threads []*thread
	current *thread
	moves   int // steps taken so far, by any thread
}

type thread struct {
	grant   chan struct{} // the player says: take a step
	stopped chan state    // the thread says: step taken, and its state now
	state   state
	begun   int // player.moves at the end of the last wait
	own     int // the thread's own moves since then
}

type state int

const (
	ready state = iota
	waiting
	ended
)

// newPlayer starts the threads, each before its first step, and sets the hook.
func newPlayer(runs []Thread) *player {
	p := &player{}
	hook = func() { p.stop(ready) }
	for _, run := range runs {
		t := &thread{grant: make(chan struct{}), stopped: make(chan state)}
		p.threads = append(p.threads, t)
		go func() {
			<-t.grant
			run(func() { p.wait(t) })
			t.stopped <- ended
		}()
	}
	return p
}

// wait ends the step of t, which has found nothing to do.
func (p *player) wait(t *thread) {
	if p.moves-t.begun > t.own { // another thread moved while t was looking: t looks again
		p.stop(ready)
	} else {
		p.stop(waiting)
	}
	t.begun, t.own = p.moves, 0
}

// stop gives control back to the player until the next step of this thread.
func (p *player) stop(s state) {
	t := p.current
	t.stopped <- s
	<-t.grant
}

// turn lets thread i take one step.
func (p *player) turn(i int) {
	t := p.threads[i]
	p.current = t
	p.moves++
	t.own++
	t.grant <- struct{}{}
	t.state = <-t.stopped
	if t.state == waiting {
		return
	}
	for _, o := range p.threads { // t moved: those who waited may look again
		if o != t && o.state == waiting {
			o.state = ready
		}
	}
}

// able lists the threads that can take a step. The last one that did comes
// first, if it is among them: to go on is the default.
func (p *player) able(last int) (list []int) {
	for i, t := range p.threads {
		switch {
		case t.state != ready:
		case i == last:
			list = append([]int{i}, list...)
		default:
			list = append(list, i)
		}
	}
	return list
}

// stuck returns a thread that has not ended, -1 for none.
func (p *player) stuck() int {
	for i, t := range p.threads {
		if t.state != ended {
			return i
		}
	}
	return -1
}
