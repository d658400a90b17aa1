package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Trimmer is a Database that deletes old positions by itself: the embedded one. In
// PostgreSQL that is the business of its owner (ARCHIVE_RETENTION_MONTHS).
type Trimmer interface {
	// Trim deletes positions and their extras, in short transactions. It returns the
	// number of positions deleted, also with an error.
	Trim(ctx context.Context, r TrimRule) (deleted int, err error)
}

// TrimRule says which positions are too old. Times are those of the devices.
type TrimRule struct {
	// Before returns the time before which the positions of a device are deleted;
	// zero for none.
	Before func(device string) time.Time
	// MaxBytes is the most bytes in use. Beyond it the oldest positions of all
	// devices are deleted. 0: no limit.
	MaxBytes int64
}

const (
	// trimBatch is the most rows of one transaction, which keeps inserts waiting.
	trimBatch = 2000
	// trimPasses bounds how often Trim looks at the size. A pass deletes a share of the
	// time that the positions span, which is not the same share of their number.
	trimPasses = 16
)

// devicesSQLite walks the index, so that its cost grows with the devices, not the rows.
const devicesSQLite = `WITH RECURSIVE d(id) AS (
	SELECT min(device_id) FROM positions
	UNION ALL SELECT (SELECT min(device_id) FROM positions WHERE device_id > d.id) FROM d WHERE d.id IS NOT NULL)
	SELECT id FROM d WHERE id IS NOT NULL`

// Trim implements Trimmer.
func (s *sqlite) Trim(ctx context.Context, r TrimRule) (deleted int, err error) {
	devices, err := collectSQLite(ctx, s.read, "list devices", scanText, devicesSQLite)
	if err != nil {
		return 0, err
	}
	for _, device := range devices {
		if before := r.Before(device); !before.IsZero() {
			n, err := s.deleteBefore(ctx, device, before.UnixMilli())
			if deleted += n; err != nil {
				return deleted, err
			}
		}
	}
	for range trimPasses {
		used, err := s.usedBytes(ctx)
		if err != nil || r.MaxBytes == 0 || used <= r.MaxBytes {
			return deleted, err
		}
		n, err := s.deleteOldest(ctx, devices, 1-0.95*float64(r.MaxBytes)/float64(used))
		if deleted += n; err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}

// usedBytes returns the size of the database without its free pages, which new rows use.
func (s *sqlite) usedBytes(ctx context.Context) (used int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT (p.page_count - f.freelist_count) * z.page_size
		FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size z`).Scan(&used)
	if err != nil {
		return 0, fmt.Errorf("read the size of the database: %w", err)
	}
	return used, nil
}

// deleteOldest deletes the given share of the time that the positions span, at least its
// oldest hundredth.
func (s *sqlite) deleteOldest(ctx context.Context, devices []string, share float64) (deleted int, err error) {
	oldest, newest := int64(0), int64(0)
	for i, device := range devices {
		var first, last sql.NullInt64
		if err := s.read.QueryRowContext(ctx, `SELECT min(ts), (SELECT max(ts) FROM positions WHERE device_id = ?1)
			FROM positions WHERE device_id = ?1`, device).Scan(&first, &last); err != nil {
			return 0, fmt.Errorf("read the age of positions: %w", err)
		}
		if !first.Valid {
			continue
		}
		if i == 0 || first.Int64 < oldest || newest == 0 {
			oldest = first.Int64
		}
		newest = max(newest, last.Int64)
	}
	before := oldest + int64(float64(newest-oldest)*max(share, 0.01)) + 1
	for _, device := range devices {
		n, err := s.deleteBefore(ctx, device, before)
		if deleted += n; err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}

// deleteBefore deletes the positions of a device before a time, in ms.
func (s *sqlite) deleteBefore(ctx context.Context, device string, before int64) (deleted int, err error) {
	for n := trimBatch; n == trimBatch; {
		err := s.inTx(ctx, func(tx *sql.Tx) (err error) {
			n, err = affected(tx.ExecContext(ctx, `DELETE FROM positions WHERE rowid IN
				(SELECT rowid FROM positions WHERE device_id = ?1 AND ts < ?2 LIMIT ?3)`, device, before, trimBatch))
			if err == nil && n < trimBatch {
				_, err = tx.ExecContext(ctx, "DELETE FROM pitwall_extras WHERE device_id = ?1 AND ts < ?2", device, before)
			}
			return err
		})
		if err != nil {
			return deleted, fmt.Errorf("delete old positions: %w", err)
		}
		deleted += n
	}
	return deleted, nil
}
