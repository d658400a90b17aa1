package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"pitwall/codec"
)

const insertPositionSQLite = `
	INSERT INTO positions (device_id, ts, lat, lon, alt, speed, course, sats, priority, codec, attributes, faulty, received_at)
	VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
	ON CONFLICT (device_id, ts) DO NOTHING`

const samePositionSQLite = `
	SELECT lat IS ?3 AND lon IS ?4 AND alt IS ?5 AND speed IS ?6 AND course IS ?7 AND sats IS ?8 AND priority IS ?9
	   AND codec IS ?10 AND attributes IS ?11, lat IS ?3 AND lon IS ?4, coalesce(attributes, '')
	FROM positions WHERE device_id = ?1 AND ts = ?2`

const insertExtraSQLite = `
	INSERT INTO pitwall_extras (device_id, ts, content_hash, attributes) VALUES (?1, ?2, ?3, ?4)
	ON CONFLICT (device_id, ts, content_hash) DO NOTHING`

func (s *sqlite) InsertPositions(ctx context.Context, batch []codec.Position) (InsertResult, error) {
	if len(batch) == 0 {
		return InsertResult{}, nil
	}
	var result InsertResult
	err := s.inTx(ctx, func(tx *sql.Tx) (err error) {
		result, err = insertEach(ctx, tx, batch)
		return err
	})
	if err != nil {
		return InsertResult{}, fmt.Errorf("insert positions: %w", err)
	}
	return result, nil
}

func insertEach(ctx context.Context, tx *sql.Tx, batch []codec.Position) (InsertResult, error) {
	insert, err := tx.PrepareContext(ctx, insertPositionSQLite)
	if err != nil {
		return InsertResult{}, err
	}
	defer insert.Close()
	var result InsertResult
	for i := range batch {
		args := values(&batch[i])
		n, err := affected(insert.ExecContext(ctx, args...))
		if err != nil {
			return InsertResult{}, err
		}
		if n > 0 {
			result.Inserted++
			continue
		}
		n, conflict, err := compareSQLite(ctx, tx, &batch[i], args)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			result.Missing = append(result.Missing, i)
		case err != nil:
			return InsertResult{}, err
		case conflict:
			result.Conflicts = append(result.Conflicts, i)
		}
		result.Extras += n
	}
	return result.countDuplicates(len(batch)), nil
}

// compareSQLite compares a position with the row that has its key. extras is 1 when it
// added attributes; the error is sql.ErrNoRows when there is no such row.
func compareSQLite(ctx context.Context, tx *sql.Tx, p *codec.Position, args []any) (extras int, conflict bool, err error) {
	var same, samePlace bool
	var have codec.Attributes
	const content = 11 // of values
	if err := tx.QueryRowContext(ctx, samePositionSQLite, args[:content]...).Scan(&same, &samePlace, &have); err != nil {
		return 0, false, err
	}
	if same {
		return 0, false, nil
	}
	x, ok := extraOf(p, have)
	if !ok || !samePlace {
		return 0, true, nil
	}
	extras, err = affected(tx.ExecContext(ctx, insertExtraSQLite, x.device, x.ts, x.hash, x.attributes))
	return extras, false, err
}

// affected returns how many rows a statement changed.
func affected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// values lists the columns of p in the order of the statements' numbers, content
// first.
func values(p *codec.Position) []any {
	return []any{p.DeviceID, p.TS, p.Lat, p.Lon,
		optional(p, codec.HasAlt, &p.Alt), optional(p, codec.HasSpeed, &p.Speed), optional(p, codec.HasCourse, &p.Course),
		optional(p, codec.HasSats, &p.Sats), optional(p, codec.HasPriority, &p.Priority),
		textOrNull(&p.Codec), textOrNull((*string)(&p.Attributes)), p.Faulty, p.Arrival}
}

// inTx runs fn in a transaction that holds the write lock from its beginning.
func (s *sqlite) inTx(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
