package db

import (
	"cmp"
	"slices"

	"pitwall/codec"
)

// countDuplicates sets Duplicates to the number of the n positions that no other field
// counts.
func (r InsertResult) countDuplicates(n int) InsertResult {
	r.Duplicates = n - r.Inserted - r.Extras - len(r.Conflicts) - len(r.Missing)
	return r
}

// inKeyOrder returns the indexes of batch sorted by device and time, equal keys in
// their given order. Processes that insert the same keys in the same order wait for
// each other but cannot deadlock, and rows that are adjacent in the index are written
// together.
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

// optional returns v when p has it, otherwise nil, which becomes NULL.
func optional[T any](p *codec.Position, has codec.Fields, v *T) *T {
	if p.Has&has == 0 {
		return nil
	}
	return v
}

// textOrNull returns s, or nil when *s is empty.
func textOrNull(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}
