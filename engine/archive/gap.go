package archive

import "pitwall/engine/internal/redis"

// gap counts what a stream's trimming has cut off beyond the group's last
// delivered entry. No figure of Redis shows it: after a gap the group goes on
// at the first entry that is left, as if nothing had been between.
//
// How many entries have gone, less how many of these the group was given, is
// the number; but servers before 7.4 leave what a gap swallowed out of the
// latter (entries-read) for ever. So it is corrected whenever the group has
// been given everything, when it must equal entries-added. Before the first
// such moment after a start or a gap, there is a range only; but since the last
// one, or since a stream that nothing had been cut off, no less have been lost
// in all than the two numbers differ by more than they did then, whatever the
// server. What was told too low is told then.
type gap struct {
	skew             int64 // what entries-read lacked when the group had been given everything
	known            bool  // it is still that
	hasBase          bool  // there was such a moment
	sinceBaseCounted int64 // told since then, at least

	last      redis.ID // the stream's last id at the look before: it was there
	delivered redis.ID // the last delivered entry at the look before
	reported  loss     // what is missing after it and has been told
}

// loss is a number of records that nobody can archive any more.
type loss struct {
	least, most int64
	open        bool // there may be more than most
}

func (l *loss) add(m loss) {
	l.least += m.least
	l.most += m.most
	l.open = l.open || m.open
}

// look returns what has been lost since the look before.
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
	case s.Added == s.Length && !g.hasBase: // nothing has ever gone
		g.known, g.hasBase = true, true
	}
	if news.least <= 0 && news.most <= 0 {
		return loss{}
	}
	g.reported = all
	return news
}

func counts(s redis.StreamState) bool {
	return s.Read != redis.Unknown && s.Added != redis.Unknown
}

// cutOff reports whether the last delivered entry has gone: between it and the
// first that is left there may have been more.
func cutOff(s redis.StreamState) bool {
	return !s.Delivered.IsZero() && s.Delivered.Less(firstKept(s))
}

// sinceBase is how many have been lost at least since the group had last been
// given everything.
func (g *gap) sinceBase(s redis.StreamState) int64 {
	switch {
	case !g.hasBase || !counts(s):
		return 0
	case s.Delivered == s.Last:
		return s.Added - s.Read - g.skew
	case !cutOff(s):
		return 0 // what the group has still to be given is not told from what it was not
	}
	return s.Added - s.Length - s.Read - g.skew
}

// missing says what is missing after the last delivered entry, now.
func (g *gap) missing(s redis.StreamState) loss {
	if s.Delivered == s.Last {
		return loss{}
	}
	if !cutOff(s) {
		return loss{}
	}
	// It was there at the look before, is not now, and was given to nobody.
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
