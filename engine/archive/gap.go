package archive

import "pitwall/engine/internal/redis"

// gap counts the entries that were trimmed before they were delivered to the group.
// Redis does not report them: the group continues at the first entry that is left, as
// if there had been nothing in between.
//
// Trimming removes the oldest entries first. Once the last delivered entry is gone, the
// loss is the number of removed entries minus the number of delivered ones. Redis
// reports both: entries-added minus the length, and entries-read. But servers before 7.4
// never add the entries of a gap to entries-read. This error is called skew. It can be
// measured whenever everything has been delivered, because entries-read should then
// equal entries-added. After a start or a gap, only a range is known until that happens.
//
// A lower bound is known on any server: how much the difference of the two numbers has
// grown since the base. The base is the last time at which everything had been
// delivered, or at first a time at which nothing had been removed. The lower bound
// corrects a loss that was reported too low.
type gap struct {
	skew             int64 // entries missing from entries-read when everything had been delivered
	known            bool  // skew is still valid
	hasBase          bool  // there was a base
	sinceBaseCounted int64 // lower bound that was reported since the base

	last      redis.ID // the stream's last id at the previous update
	delivered redis.ID // the last delivered entry at the previous update
	reported  loss     // loss after delivered that was reported already
}

// loss is a range of how many records can no longer be archived.
type loss struct {
	least, most int64
	open        bool // most is no upper bound
}

func (l *loss) add(m loss) {
	l.least += m.least
	l.most += m.most
	l.open = l.open || m.open
}

// update returns what has been lost since the previous update.
func (g *gap) update(s redis.StreamState) loss {
	if s.Delivered != g.delivered {
		if g.reported != (loss{}) {
			g.known = false // the group has passed a gap
		}
		g.delivered, g.reported = s.Delivered, loss{}
	}
	all := g.missing(s)
	g.last = s.Last
	news := loss{least: max(all.least-g.reported.least, 0), most: all.most - g.reported.most, open: all.open}
	if short := g.sinceBase(s) - g.sinceBaseCounted - news.least; short > 0 {
		news.least += short
		news.most = max(news.most, news.least)
	}
	g.sinceBaseCounted += news.least
	switch {
	case !counts(s):
	case s.Delivered == s.Last:
		g.skew, g.known, g.hasBase, g.sinceBaseCounted = s.Added-s.Read, true, true, 0
	case s.Added == s.Length && !g.hasBase: // nothing was ever removed
		g.known, g.hasBase = true, true
	}
	if news.least <= 0 && news.most <= 0 {
		return loss{}
	}
	g.reported = all
	return news
}

// counts reports whether the server reports both numbers.
func counts(s redis.StreamState) bool {
	return s.Read != redis.Unknown && s.Added != redis.Unknown
}

// lastDeliveredRemoved reports whether the last delivered entry was removed. Entries
// after it, which were not delivered, may have been removed as well.
func lastDeliveredRemoved(s redis.StreamState) bool {
	return !s.Delivered.IsZero() && s.Delivered.Less(firstKept(s))
}

// sinceBase is the lower bound of what has been lost since the base.
func (g *gap) sinceBase(s redis.StreamState) int64 {
	switch {
	case !g.hasBase || !counts(s):
		return 0
	case s.Delivered == s.Last:
		return s.Added - s.Read - g.skew
	case !lastDeliveredRemoved(s):
		return 0 // entries that wait for delivery cannot be told apart from lost ones
	}
	return s.Added - s.Length - s.Read - g.skew
}

// missing returns what is missing after the last delivered entry.
func (g *gap) missing(s redis.StreamState) loss {
	if s.Delivered == s.Last {
		return loss{}
	}
	if !lastDeliveredRemoved(s) {
		return loss{}
	}
	// The last entry of the previous update was removed and never delivered.
	certain := s.Length == 0 || s.Delivered.Less(g.last) && g.last.Less(firstKept(s))
	if !counts(s) {
		if certain {
			return loss{least: 1, most: 1, open: true}
		}
		return loss{}
	}
	n := s.Added - s.Length - s.Read
	if g.known {
		n = max(n-g.skew, 0)
		return loss{least: n, most: n}
	}
	l := loss{most: max(n, 0)}
	if certain {
		l.least = min(1, l.most)
	}
	return l
}
