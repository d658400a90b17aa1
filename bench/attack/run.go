package attack

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// reportEvery is the time between two statuses.
const reportEvery = 500 * time.Millisecond

// Config is the configuration of an attacking process.
type Config struct {
	Addr    string             // host:port of the public listener
	Path    string             // of the upgrade
	Sources []string           // IPv4 addresses of the attackers
	Good    string             // a valid token
	Wrong   []string           // invalid tokens
	Asked   string             // a valid token; the engine asks the platform about its user, and the platform refuses
	Event   string             // that Good may watch
	Load    map[string]float64 // of this process by kind, in the unit of Kind.Load
}

// Order says which kinds run from now on. Without kinds the attackers rest.
type Order struct{ Kinds []string }

// Status is what a process has done since its start.
type Status struct {
	Resting bool // the last order had no kinds, and all attackers have ended
	Made    map[string]int64
	Answers map[string]Answers
}

// Answers counts what the server did: by HTTP status and reason, code of a close
// frame, type of a frame, or how a connection ended.
type Answers map[string]int64

// LetIn is the answer that a token of Config.Wrong must never get.
const LetIn = "let in"

// Add adds o.
func (a Answers) Add(o Answers) {
	for text, n := range o {
		a[text] += n
	}
}

// process is a process of attackers.
type process struct {
	cfg  Config
	bomb []byte

	mu      sync.Mutex // guards what follows
	made    map[string]int64
	answers map[string]Answers
}

// Run carries out orders until their channel is closed. It calls report with a
// Status twice a second.
func Run(c Config, orders <-chan Order, report func(Status) error) error {
	s := &process{cfg: c, bomb: bomb(), made: map[string]int64{}, answers: map[string]Answers{}}
	if len(c.Sources) == 0 {
		return fmt.Errorf("attackers need a source address")
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

// begin starts the attackers of these kinds. rest stops them and waits.
func (s *process) begin(kinds []string) (rest func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	var attackers sync.WaitGroup
	rest = func() { cancel(); attackers.Wait() }
	for _, name := range kinds {
		k := Find(name)
		if k == nil {
			return rest, fmt.Errorf("there is no attack %q", name)
		}
		n, interval := k.attackers(s.cfg.Load[name])
		for i := range n {
			a := &attacker{s: s, kind: k, number: i}
			attackers.Go(func() { a.run(ctx, interval*time.Duration(i)/time.Duration(n), interval) })
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

// countMade counts attacks.
func (s *process) countMade(kind string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made[kind] += int64(n)
}

// countAnswer counts an answer.
func (s *process) countAnswer(kind, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers[kind] == nil {
		s.answers[kind] = Answers{}
	}
	s.answers[kind][text]++
}
