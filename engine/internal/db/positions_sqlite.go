package db

import (
	"context"
	"database/sql"
	"fmt"

	"pitwall/codec"
)

const insertPositionSQLite = `
	INSERT INTO positions (device_id, ts, lat, lon, alt, speed, course, sats, priority, codec, attributes, faulty, received_at)
	VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
	ON CONFLICT (device_id, ts) DO NOTHING`

const samePositionSQLite = `
	SELECT lat IS ?3 AND lon IS ?4 AND alt IS ?5 AND speed IS ?6 AND course IS ?7 AND sats IS ?8 AND priority IS ?9
	   AND codec IS ?10 AND attributes IS ?11 AND faulty IS ?12
	FROM positions WHERE device_id = ?1 AND ts = ?2`

func (s *sqlite) InsertPositions(ctx context.Context, batch []codec.Position) (InsertResult, error) {
	if len(batch) == 0 {
		return InsertResult{}, nil
	}
	var inserted int
	var conflicts []int
	err := s.inTx(ctx, func(tx *sql.Tx) (err error) {
		inserted, conflicts, err = insertEach(ctx, tx, batch)
		return err
	})
	if err != nil {
		return InsertResult{}, fmt.Errorf("insert positions: %w", err)
	}
	return tally(len(batch), inserted, conflicts), nil
}

func insertEach(ctx context.Context, tx *sql.Tx, batch []codec.Position) (inserted int, conflicts []int, err error) {
	insert, err := tx.PrepareContext(ctx, insertPositionSQLite)
	if err != nil {
		return 0, nil, err
	}
	defer insert.Close()
	for i := range batch {
		args := values(&batch[i])
		result, err := insert.ExecContext(ctx, args...)
		if err != nil {
			return 0, nil, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, nil, err
		}
		if n > 0 {
			inserted++
			continue
		}
		var same bool
		if err := tx.QueryRowContext(ctx, samePositionSQLite, args[:len(args)-1]...).Scan(&same); err != nil {
			return 0, nil, err
		}
		if !same {
			conflicts = append(conflicts, i)
		}
	}
	return inserted, conflicts, nil
}

// values lists p as the statements number it, the arrival last.
func values(p *codec.Position) []any {
	return []any{p.DeviceID, p.TS, p.Lat, p.Lon,
		optional(p, codec.HasAlt, &p.Alt), optional(p, codec.HasSpeed, &p.Speed), optional(p, codec.HasCourse, &p.Course),
		optional(p, codec.HasSats, &p.Sats), optional(p, codec.HasPriority, &p.Priority),
		textOrNull(&p.Codec), textOrNull((*string)(&p.Attributes)), p.Faulty, p.Arrival}
}

// inTx runs fn in a transaction that holds the write lock from its begin.
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
