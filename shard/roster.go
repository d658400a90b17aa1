package shard

// Pair says that a device takes part in an event. Both are ids as text.
type Pair struct {
	Device string
	Event  string
}

// Roster is what the database has at one moment: the ids of all events, with or
// without devices, and all pairs. Duplicates are harmless. An event that only a pair
// names exists as well.
type Roster struct {
	Events []string
	Pairs  []Pair
}
