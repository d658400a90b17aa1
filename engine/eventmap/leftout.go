package eventmap

import (
	"slices"
	"unicode/utf8"

	"pitwall/shard"
)

// subscribable reports whether a client can subscribe to an event. The platform's
// table may be a view with ids that are NULL; they are read as "".
func subscribable(event string) bool { return event != "" && utf8.ValidString(event) }

// dropUnsubscribable removes from r the events and pairs that nobody can subscribe
// to, and counts them. It logs when such rows first appear and when they are gone.
func (m *Map) dropUnsubscribable(r *shard.Roster) {
	n := len(r.Events) + len(r.Pairs)
	r.Events = slices.DeleteFunc(r.Events, func(e string) bool { return !subscribable(e) })
	r.Pairs = slices.DeleteFunc(r.Pairs, func(p shard.Pair) bool { return !subscribable(p.Event) })
	n -= len(r.Events) + len(r.Pairs)
	before := m.leftOut
	m.leftOut = n
	m.meters.leftOut.Set(float64(n))
	switch {
	case n > 0 && before == 0:
		m.opts.Logger.Warn("events without an id that can be subscribed to, and their devices, are left out of the roster", "rows", n)
	case n == 0 && before > 0:
		m.opts.Logger.Info("every event of the roster can be subscribed to again")
	}
}
