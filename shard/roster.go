package shard

// Pair says that a device takes part in an event. Both are ids as text.
type Pair struct {
	Device string
	Event  string
}

// Roster is what the database knows at one moment: every event id, with or
// without devices, and every pairing. Duplicates are harmless; an event named
// only by a pair counts as existing.
type Roster struct {
	Events []string
	Pairs  []Pair
}
