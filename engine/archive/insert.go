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

// insertRange inserts the positions lo to hi of a part, at most as many per
// statement as the insert size allows.
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

// insertRows inserts the positions lo to hi of a part. When the database refuses
// them, it halves the range until it has found the rows at fault: at most two
// statements per position.
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

// insertHalves inserts both halves of a range. When the search is limited, their
// order is random, so that repeated searches reach every position.
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

// recordOutcome evaluates the result of an insert of the positions from lo on.
// Positions that are missing from the table are inserted again, one by one.
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

// errMissing is the cause of a refusal for which the database reports no error.
var errMissing = errors.New("the position is missing after its insert, which reported no error: a trigger leaves it out")

// errNoMonth says that the month of a position does not exist and cannot be made
// by this process.
var errNoMonth = errors.New("the month could not be made")

// insertOne inserts one position. If the position is missing from the table after an
// insert without an error, it tries again, up to times attempts in all. first is the
// tick of the first refusal of the position, 0 for none. A position that takes too long
// even alone is held back and never becomes a dead letter, because another transaction
// may hold a lock on its key.
func (w *writer) insertOne(ctx context.Context, p *part, i int, first uint64, times int) error {
	// Evaluated before the insert, because only a row that was accepted between the two
	// refusals shows that this row is at fault.
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
				w.spendBudget(1) // its letter cannot be written, so it will be retried
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

// lacksItsMonth reports whether a position was refused because its month does not exist,
// and arrived in that month. Then all current rows fail while late rows of other months
// are accepted. So an accepted row does not show that this one is at fault.
func lacksItsMonth(p *codec.Position, err error) bool {
	return errors.Is(err, errNoMonth) && db.Month(time.UnixMilli(p.TS)).Equal(db.Month(time.UnixMilli(p.Arrival)))
}

// firstRefusal returns the tick of the first refusal of a position: a new tick
// when this is the first.
func (w *writer) firstRefusal(p *part, i int) uint64 {
	if at := w.held.refusedAt(p.ids[i]); at > 0 {
		return at
	}
	return w.acceptance.tick()
}

// retrySuspects inserts a suspect again if another row was accepted after its refusal. A
// second refusal then shows that the suspect is at fault.
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

// insertWithRetry inserts positions until the store accepts or refuses them, or until
// the insert has taken too long twice. kind says which of these happened. It makes
// months that are missing. It retries any other failure until ctx ends, and then returns
// the kind db.FailureWait.
func (w *writer) insertWithRetry(ctx context.Context, positions []codec.Position) (result db.InsertResult, kind db.Failure, err error) {
	var pause pace.Backoff
	made, retried := false, false
	for {
		if result, err = w.attempt(ctx, positions); err == nil {
			return result, 0, nil
		}
		kind = db.Classify(err)
		if !made && db.IsMissingPartition(err) { // months are made once per attempt, because the error may have another cause
			monthErr := w.makeMonths(ctx, positions)
			if made = monthErr == nil; made {
				continue
			}
			if errors.Is(monthErr, errExpired) {
				return db.InsertResult{}, db.FailureWait, monthErr
			}
			kind, err = classifyMonthError(err, monthErr)
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

// attempt is one attempt of insertWithRetry.
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
		w.log.Info("the database accepts rows again")
	}
	return result, nil
}

// classifyMonthError classifies positions that were refused with err and whose months
// could not be made. Waiting does not help when the role lacks the permission, when
// this process must not make months, or when the table has no partitions and refused
// for another reason. Other failures may be temporary.
func classifyMonthError(err, monthErr error) (db.Failure, error) {
	switch {
	case errors.Is(monthErr, errMonthsMadeElsewhere) || db.IsPermissionDenied(monthErr):
		return db.FailureRefused, fmt.Errorf("%w; %w: %w", err, errNoMonth, monthErr)
	case errors.Is(monthErr, db.ErrNotPartitioned):
		return db.FailureRefused, err
	}
	return db.FailureWait, errors.Join(err, monthErr)
}

// makeMonths makes the months of positions, within the timeout of an insert.
func (w *writer) makeMonths(ctx context.Context, positions []codec.Position) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	return w.months.makeFor(ctx, positions)
}
