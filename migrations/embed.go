// Package migrations embeds the SQL that creates and changes the schema, one
// folder per dialect. The files are goose migrations. Package engine/internal/db
// runs them, for `pitwall migrate` and at the start of a process with an embedded
// database.
//
// A number means the same step in both dialects:
//
//	0001  the roster tables events, entries and entry_devices, if missing,
//	      and positions, or the columns that an older positions lacks
//	0002  positions.faulty and the unique index positions_device_ts_idx
//	0003  NOTIFY pitwall_roster when a roster table changes, and NOTIFY
//	      pitwall_positions when positions.faulty does (PostgreSQL only)
//	0004  pitwall_events, pitwall_members and pitwall_revocations: who may
//	      watch which event; NOTIFY pitwall_access when one of them changes
//	      (PostgreSQL only)
//	0005  pitwall_clocks, the clocks that fell back, and pitwall_extras, the
//	      attributes that a record of equal time and place adds
//	0006  NOTIFY pitwall_access only when the content of a table of 0004
//	      changes, not at every statement (PostgreSQL only)
//	0007  the same for NOTIFY pitwall_roster (PostgreSQL only)
//	0008  pitwall_links, the share links that were made, so that they can be
//	      listed and revoked
//
// Tables that the platform owns are created if they are missing. They are never
// altered, apart from the triggers of 0003 and 0007, which can be left out. No
// migration deletes a row: if an older table has two rows for one device and time,
// 0002 reports them and fails.
//
// A released file is never edited. A change gets the next number.
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
