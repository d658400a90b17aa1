package engine

import (
	"fmt"
	"io"

	"pitwall/engine/internal/promtext"
	"pitwall/shard"
)

// writeCore writes the shards' metrics as Prometheus text. They count in plain
// atomics, because package shard imports no library.
func (e *Engine) writeCore(w io.Writer) {
	if e.core == nil {
		return
	}
	s := e.core.Stats()
	for _, m := range []struct {
		name string
		v    uint64
	}{
		{"processor_live_orphan_records_total", s.Orphans},
		{"processor_live_duplicate_records_total", s.Duplicates},
		{"processor_live_late_records_total", s.Late},
		{"processor_live_future_records_total", s.Future},
		{"processor_live_faulty_records_total", s.Faulty},
		{"processor_live_fallen_clock_records_total", s.Fallen},
		{"processor_live_fallen_clocks_total", s.FallenClocks},
		{"processor_live_added_attributes_total", s.Added},
		{"processor_live_limited_positions_total", s.Limited},
		{"processor_live_attributes_too_long_total", s.AttributesTooLong},
		{"processor_live_corrected_devices_total", s.Corrected},
		{"processor_live_flushes_total", s.Flushes},
		{"processor_live_chunks_total", s.Chunks},
		{"processor_live_chunk_bytes_total", s.Bytes},
		{"processor_live_ring_overflows_total", s.Overflows},
		{"processor_live_lagged_snapshots_total", s.Recoveries},
		{"processor_live_bodies_built_total", s.Built},
		{"processor_live_deflate_chunks_total", s.Deflated},
		{"processor_live_deflate_input_bytes_total", s.DeflateIn},
		{"processor_live_deflate_output_bytes_total", s.DeflateOut},
		{"processor_live_devices", uint64(s.Devices)},
		{"processor_live_orphan_devices", uint64(s.OrphanDevices)},
		{"processor_live_shard_inbox_batches", uint64(s.InboxBatches)},
		{"processor_live_chunk_bytes_held", uint64(s.OutstandingBytes)},
		{"processor_live_flush_window_ms", uint64(e.core.Window().Milliseconds())},
	} {
		fmt.Fprintf(w, "%s %d\n", m.name, m.v)
	}
	promtext.Histogram(w, "processor_live_flush_latency_seconds", shard.AgeBounds(), s.Ages.Counts[:], s.Ages.Sum)
}
