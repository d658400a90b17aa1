package archive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/pace"
)

// rows inserts the positions from lo to hi of a part, as many at a time as the
// dose allows.
func (w *writer) insertRange(ctx context.Context, p *part, lo, hi int) error {
	for lo < hi {
		n := min(hi-lo, w.size.rows())
		if err := w.insertRows(ctx, p, lo, lo+n); err != nil {
			return err
		}
		lo += n
	}
	return nil
}

// take inserts the positions from lo to hi of a part. When the database refuses
// them, it halves them until those at fault are alone: at most two statements
// for each position.
func (w *writer) insertRows(ctx context.Context, p *part, lo, hi int) error {
	if hi-lo == 1 {
		return w.insertOne(ctx, p, lo, w.held.refusedAt(p.ids[lo]), 2)
	}
	result, kind, err := w.insertWithRetry(ctx, p.positions[lo:hi])
	switch {
	case err == nil:
		w.size.succeeded(hi - lo)
		return w.recordOutcome(ctx, p, lo, result)
	case kind == db.FailureWait:
		return err
	case kind == db.FailureRetry:
		w.size.failed(hi - lo)
		return w.insertRange(ctx, p, lo, hi)
	}
	if kind == db.FailureRefused {
		w.acceptance.refused(time.Now(), err.Error())
	}
	if w.searchExhausted() {
		for i := lo; i < hi; i++ {
			p.suspect(i, w.firstRefusal(p, i), err.Error())
		}
		return nil
	}
	return w.insertHalves(ctx, p, lo, hi)
}

// halves takes both halves of a range, in a random order where few are tried,
// so that in time each position is.
func (w *writer) insertHalves(ctx context.Context, p *part, lo, hi int) error {
	mid := lo + (hi-lo)/2
	halves := [2][2]int{{lo, mid}, {mid, hi}}
	if w.limited && rand.N(2) == 0 {
		halves[0], halves[1] = halves[1], halves[0]
	}
	for _, h := range halves {
		if err := w.insertRows(ctx, p, h[0], h[1]); err != nil {
			return err
		}
	}
	return nil
}

// sort takes note of what became of the positions from lo on, and offers those
// again that are not there.
func (w *writer) recordOutcome(ctx context.Context, p *part, lo int, result db.InsertResult) error {
	for _, i := range result.Conflicts {
		p.conflict(lo + i)
	}
	for _, i := range result.Missing {
		if w.searchExhausted() {
			p.suspect(lo+i, w.firstRefusal(p, lo+i), errMissing.Error())
		} else if err := w.insertOne(ctx, p, lo+i, w.held.refusedAt(p.ids[lo+i]), 1); err != nil {
			return err
		}
	}
	return nil
}

// errMissing is a refusal for which the database has no word.
var errMissing = errors.New("the database neither inserts the position nor has it: a trigger leaves it out")

// errNoMonth says that the month of a position is not there, and that it is not
// for this process to make it.
var errNoMonth = errors.New("the month could not be made")

// alone offers one position, and the given number of times when it is not there
// afterwards. first is when it was refused before, by the witness, 0 for never.
// One that takes too long even alone is held back and never a letter: another
// transaction may hold its key.
func (w *writer) insertOne(ctx context.Context, p *part, i int, first uint64, times int) error {
	// Asked before the offer: only a row taken before the second refusal counts.
	guilty := first > 0 && w.acceptance.acceptedSince(first)
	for ; ; times-- {
		result, kind, err := w.insertWithRetry(ctx, p.positions[i:i+1])
		switch {
		case err != nil && kind == db.FailureWait:
			return err
		case kind == db.FailureRetry:
			w.size.failed(1)
			w.spendBudget(slowRowCost)
			p.suspect(i, w.firstRefusal(p, i), err.Error())
			return nil
		case err == nil && len(result.Missing) == 0:
			w.size.succeeded(1)
			return w.recordOutcome(ctx, p, i, result)
		case err == nil && times > 1:
			continue
		case err == nil:
			err = errMissing
		}
		if kind == db.FailureContent || guilty && !lacksItsMonth(&p.positions[i], err) {
			if w.held.lettersFailing() {
				w.spendBudget(1) // it will be looked at again
			}
			p.refuse(i, reasonRefused, err.Error())
			return nil
		}
		w.acceptance.refused(time.Now(), err.Error())
		w.spendBudget(1)
		if first == 0 {
			first = w.acceptance.tick()
		}
		p.suspect(i, first, err.Error())
		return nil
	}
}

// lacksItsMonth says whether a position was refused because the month in which
// it arrived is not there. All rows of today then fail, while late ones pass.
func lacksItsMonth(p *codec.Position, err error) bool {
	return errors.Is(err, errNoMonth) && db.Month(time.UnixMilli(p.TS)).Equal(db.Month(time.UnixMilli(p.Arrival)))
}

// firstRefusal returns when a position was refused first, which is now when it
// was not before.
func (w *writer) firstRefusal(p *part, i int) uint64 {
	if at := w.held.refusedAt(p.ids[i]); at > 0 {
		return at
	}
	return w.acceptance.tick()
}

// again offers suspects again of which it is known now whether they are at
// fault: another row was taken after their refusal.
func (w *writer) retrySuspects(ctx context.Context, p *part) error {
	suspects := p.suspects
	p.suspects = nil
	for _, s := range suspects {
		if !w.acceptance.acceptedSince(s.first) {
			p.suspects = append(p.suspects, s)
		} else if err := w.insertOne(ctx, p, s.at, s.first, 1); err != nil {
			return err
		}
	}
	return nil
}

// offer offers positions to the store until it takes them or refuses them, or
// until they took too long twice: kind says which. Months that lack are
// made. It waits for everything else without end, until ctx ends; the error is
// one of db.FailureWait then.
func (w *writer) insertWithRetry(ctx context.Context, positions []codec.Position) (result db.InsertResult, kind db.Failure, err error) {
	var pause pace.Backoff
	made, retried := false, false
	for {
		if result, err = w.attempt(ctx, positions); err == nil {
			return result, 0, nil
		}
		kind = db.Classify(err)
		if !made && db.IsMissingPartition(err) { // once between pauses: it may be something else
			lacking := w.makeMonths(ctx, positions)
			if made = lacking == nil; made {
				continue
			}
			if errors.Is(lacking, errExpired) {
				return db.InsertResult{}, db.FailureWait, lacking
			}
			kind, err = lackingMonth(err, lacking)
		}
		if kind == db.FailureRefused || kind == db.FailureContent {
			return db.InsertResult{}, kind, err
		}
		made = false
		w.insertFailed(err, len(positions))
		if kind == db.FailureRetry && retried {
			return db.InsertResult{}, kind, err
		}
		retried = kind == db.FailureRetry
		if stopped := pace.Sleep(ctx, pause.Delay()); stopped != nil {
			return db.InsertResult{}, db.FailureWait, fmt.Errorf("insert %d positions: %w: %w", len(positions), stopped, err)
		}
	}
}

// once is one attempt of offer.
func (w *writer) attempt(ctx context.Context, positions []codec.Position) (db.InsertResult, error) {
	begin, began := time.Now(), w.acceptance.tick()
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	result, err := w.store.InsertPositions(ctx, positions)
	if err != nil {
		return db.InsertResult{}, err
	}
	w.health.insertSucceeded()
	w.meters.inserted(result, time.Since(begin))
	if result.Inserted > 0 && w.acceptance.accepted(began) {
		w.log.Info("the database takes rows again")
	}
	return result, nil
}

// lackingMonth says what to do with positions that were refused with err, and
// whose months could not be made. A role that may not make months, or shall
// not, will not later; a table without months refused for another reason; the
// rest may pass.
func lackingMonth(err, lacking error) (db.Failure, error) {
	switch {
	case errors.Is(lacking, errMonthsMadeElsewhere) || db.IsPermissionDenied(lacking):
		return db.FailureRefused, fmt.Errorf("%w; %w: %w", err, errNoMonth, lacking)
	case errors.Is(lacking, db.ErrNotPartitioned):
		return db.FailureRefused, err
	}
	return db.FailureWait, errors.Join(err, lacking)
}

// makeMonths makes the months of positions, within the time of an insert.
func (w *writer) makeMonths(ctx context.Context, positions []codec.Position) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	return w.months.makeFor(ctx, positions)
}
