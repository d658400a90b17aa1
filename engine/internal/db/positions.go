package db

import (
	"cmp"
	"slices"

	"pitwall/codec"
)

// tally adds the duplicates to the result of n positions: they are what is
// left.
func (r InsertResult) tally(n int) InsertResult {
	r.Duplicates = n - r.Inserted - r.Extras - len(r.Conflicts) - len(r.Missing)
	return r
}

// inKeyOrder returns the indexes of batch by device and time, equal keys in
// the order given. Two processes that insert the same keys in one order wait
// for one another instead of in a circle, and the index is walked along.
func inKeyOrder(batch []codec.Position) []int {
	order := make([]int, len(batch))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &batch[i], &batch[j]
		return cmp.Or(cmp.Compare(a.DeviceID, b.DeviceID), cmp.Compare(a.TS, b.TS))
	})
	return order
}

// optional returns v when p has it, nil otherwise, which is NULL.
func optional[T any](p *codec.Position, has codec.Fields, v *T) *T {
	if p.Has&has == 0 {
		return nil
	}
	return v
}

// textOrNull returns s, or nil when it is empty.
func textOrNull(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}
