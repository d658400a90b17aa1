package archive

import (
	"context"
	"errors"
	"sync"

	"pitwall/codec"
	"pitwall/engine/internal/db"
)

// errInjected is the error of a faulty store.
var errInjected = errors.New("injected")

// faultyStore wraps a real store. before and after are called before each insert and
// after its commit, and may return an error; n counts the inserts from 1.
type faultyStore struct {
	Store
	before, after func(ctx context.Context, n int, batch []codec.Position) error

	mu sync.Mutex
	n  int
}

func (s *faultyStore) InsertPositions(ctx context.Context, batch []codec.Position) (db.InsertResult, error) {
	s.mu.Lock()
	s.n++
	n := s.n
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(ctx, n, batch); err != nil {
			return db.InsertResult{}, err
		}
	}
	result, err := s.Store.InsertPositions(ctx, batch)
	if err == nil && s.after != nil {
		err = s.after(ctx, n, batch)
	}
	return result, err
}

// calls returns how many inserts there were.
func (s *faultyStore) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// failing fails the first calls and lets the others pass.
func failing(first int) func(context.Context, int, []codec.Position) error {
	return func(_ context.Context, n int, _ []codec.Position) error {
		if n <= first {
			return errInjected
		}
		return nil
	}
}
