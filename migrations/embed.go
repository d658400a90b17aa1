// Package migrations holds the SQL that makes a database fit for Pitwall, one
// folder per dialect, embedded into the binary. The files are goose
// migrations; engine/internal/db runs them, for `pitwall migrate` and at the
// start of a process with an embedded database.
//
// The same number means the same step in both dialects:
//
//	0001  the roster tables events, entries and entry_devices, if missing,
//	      and positions, or the columns that an older positions lacks
//	0002  positions.faulty and the unique index positions_device_ts_idx
//	0003  NOTIFY pitwall_roster when a roster table changes, and NOTIFY
//	      pitwall_positions when positions.faulty does (PostgreSQL only)
//	0004  pitwall_events, pitwall_members and pitwall_revocations: who may
//	      watch what; NOTIFY pitwall_access when one changes (PostgreSQL only)
//	0005  pitwall_clocks, the clocks that fell back, and pitwall_extras, the
//	      attributes that a record of equal time and place adds
//	0006  NOTIFY pitwall_access when what is in the tables of 0004 changes, in
//	      place of any statement (PostgreSQL only)
//	0007  the same for NOTIFY pitwall_roster (PostgreSQL only)
//	0008  pitwall_links, the share links that were made, for those who list
//	      and revoke them
//
// Tables that the platform owns are created when they are missing and never
// altered, the triggers of 0003 and 0007 excepted, which can be left out. Nothing here
// deletes a row: where an older table holds two rows for one device and time,
// 0002 reports them and fails.
//
// A file that has been released is not edited any more. The next change is
// the next number.
package migrations

import "embed"

// Postgres holds postgres/*.sql.
//
//go:embed postgres/*.sql
var Postgres embed.FS

// SQLite holds sqlite/*.sql.
//
//go:embed sqlite/*.sql
var SQLite embed.FS
