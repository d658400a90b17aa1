package attack

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// reportEvery is the pause between two Status.
const reportEvery = 500 * time.Millisecond

// Config is what an attacking process is started with.
type Config struct {
	Addr    string             // host:port of the public listener
	Path    string             // of the upgrade
	Sources []string           // IPv4 addresses that attackers use
	Good    string             // a token that is accepted
	Wrong   []string           // tokens that are not
	Asked   string             // a token that is accepted; the platform is asked what it may watch, and says no
	Event   string             // which Good may watch
	Load    map[string]float64 // this process' part of each kind, in the kind's unit
}

// Order says which kinds are under way from now on; none: rest.
type Order struct{ Kinds []string }

// Status is what the process has done since its start.
type Status struct {
	Resting bool // the last order was to rest, and all attackers have ended
	Made    map[string]int64
	Answers map[string]Answers
}

// Answers counts what the server did, in words: an HTTP status and its reason,
// the code of a close frame, the type of a frame, or how a connection ended.
type Answers map[string]int64

// LetIn is the answer that no token of Config.Wrong may get.
const LetIn = "let in"

// Add adds those of o.
func (a Answers) Add(o Answers) {
	for text, n := range o {
		a[text] += n
	}
}

// process is one process of attackers. made and answers belong to whoever holds mu.
type process struct {
	cfg  Config
	bomb []byte

	mu      sync.Mutex
	made    map[string]int64
	answers map[string]Answers
}

// Run carries out orders until their channel is closed. It calls report with a
// Status twice a second.
func Run(c Config, orders <-chan Order, report func(Status) error) error {
	s := &process{cfg: c, bomb: bomb(), made: map[string]int64{}, answers: map[string]Answers{}}
	if len(c.Sources) == 0 {
		return fmt.Errorf("attackers need an address to come from")
	}
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	rest := func() {}
	defer func() { rest() }()
	resting := true
	for {
		select {
		case o, ok := <-orders:
			if !ok {
				return nil
			}
			rest()
			var err error
			if rest, err = s.begin(o.Kinds); err != nil {
				return err
			}
			resting = len(o.Kinds) == 0
		case <-tick.C:
		}
		if err := report(s.status(resting)); err != nil {
			return err
		}
	}
}

// begin starts the attackers of some kinds. rest ends them and waits.
func (s *process) begin(kinds []string) (rest func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	var own sync.WaitGroup
	rest = func() { cancel(); own.Wait() }
	for _, name := range kinds {
		k := Find(name)
		if k == nil {
			return rest, fmt.Errorf("there is no attack %q", name)
		}
		n, every := k.attackers(s.cfg.Load[name])
		for i := range n {
			a := &attacker{s: s, kind: k, number: i}
			own.Go(func() { a.run(ctx, every*time.Duration(i)/time.Duration(n), every) })
		}
	}
	return rest, nil
}

func (s *process) status(resting bool) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := Status{Resting: resting, Made: maps.Clone(s.made), Answers: map[string]Answers{}}
	for name, a := range s.answers {
		p.Answers[name] = maps.Clone(a)
	}
	return p
}

// countMade takes note of attacks made.
func (s *process) countMade(kind string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made[kind] += int64(n)
}

// countAnswer takes note of an answer.
func (s *process) countAnswer(kind, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers[kind] == nil {
		s.answers[kind] = Answers{}
	}
	s.answers[kind][text]++
}
