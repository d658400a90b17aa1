package report

import (
	"slices"

	"pitwall/bench/attack"
)

// Figure describes one of the figures of a run.
type Figure struct {
	Key, Unit, What string
	Better          int // 1: higher is better, -1: lower is better, 0: neither
}

var figures = []Figure{
	{"records_per_s", "/s", "records published", 0},
	{"deliveries_per_s", "/s", "positions that reached clients", 0},
	{"latency_p50_ms", "ms", "from when a record was due to its arrival at the client: p50", -1},
	{"latency_p90_ms", "ms", "p90", -1},
	{"latency_p99_ms", "ms", "p99", -1},
	{"latency_p999_ms", "ms", "p99.9", -1},
	{"latency_max_ms", "ms", "max", 0},
	{"latency_p99_ms_bare", "ms", "p99 of a bare loop that writes the same positions once per window", 0},
	{"latency_ratio_to_bare", "", "p99 of the engine divided by that", -1},
	{"latency_p99_ms_gws", "ms", "p99 of gws' Broadcaster, which has no window", 0},
	{"latency_ratio_to_gws", "", "p99 of the engine divided by that", 0},
	{"slow_p99_ms", "ms", "p99 of the slow clients", 0},
	{"join_p50_ms", "ms", "from wanting to connect to the whole snapshot: p50", -1},
	{"join_p99_ms", "ms", "p99", -1},
	{"join_max_ms", "ms", "max", 0},
	{"quiet_p99_ms", "ms", "p99 before the attacks", -1},
	{QuietRatio, "", "p99 with all attacks at once, divided by that", -1},
	{"withdrawn_watched_s", "s", "how long spectators could watch after their access was withdrawn, at most", -1},
	{"memory_held_ratio", "", "memory held for pings and memory counted, the larger divided by the smaller", -1},
	{"calm_p99_ms", "ms", "p99 before a herd moves", -1},
	{"rush_p99_ms", "ms", "p99 while it reconnects", -1},
	{"rush_written_p99_ms", "ms", "of that, from Redis until the engine has written, p99", -1},
	{"stage_redis_p99_ms", "ms", "stage: from due until stored in Redis, p99", 0},
	{"stage_read_p50_ms", "ms", "stage: from Redis until read by the engine, p50", -1},
	{"stage_read_p99_ms", "ms", "p99", -1},
	{"stage_flush_p50_ms", "ms", "stage: from read until flushed, p50", -1},
	{"stage_flush_p99_ms", "ms", "p99", -1},
	{"stage_socket_p50_ms", "ms", "stage: from flushed until written to the socket, p50", -1},
	{"stage_socket_p99_ms", "ms", "p99", -1},
	{"stage_client_p50_ms", "ms", "stage: from arrival in the client's socket until read by the client, p50", 0},
	{"stage_client_p99_ms", "ms", "p99", 0},
	{"written_p50_ms", "ms", "stages together: from Redis until written to the socket, p50", -1},
	{"written_p99_ms", "ms", "p99", -1},
	{"cpu_us_per_record", "µs", "CPU time of the engine per record", -1},
	{"cpu_us_per_delivery", "µs", "CPU time of the engine per delivery", -1},
	{"us_per_delivery_bare", "µs", "CPU time of a bare loop that writes the same positions once per window", 0},
	{"ratio_to_bare", "", "CPU time of the engine divided by that", -1},
	{"us_per_delivery_gws", "µs", "CPU time of gws' Broadcaster, per record and connection", 0},
	{"ratio_to_gws", "", "CPU time of the engine divided by that", -1},
	{"user_us_per_delivery", "µs", "of that in user space", -1},
	{"sys_us_per_delivery", "µs", "of that in the kernel", -1},
	{"cpu_cores", "cores", "CPU time of the engine", -1},
	{"writes_per_delivery", "", "write calls per delivery", -1},
	{"writes_per_window", "", "write calls per connection and flush window", -1},
	{"bytes_per_delivery", "B", "bytes written per delivery", -1},
	{"rss_per_connection_kb", "KB", "memory of the engine per idle connection", -1},
	{"rss_mb", "MB", "memory of the engine at the end", -1},
	{"rss_peak_mb", "MB", "at its peak, sampled once a second", -1},
	{"heap_after_siege_mb", "MB", "live objects on its heap, some seconds after the attacks", -1},
	{"rss_slope_mb_per_h", "MB/h", "growth of its memory", 0},
	{"goroutine_slope_per_h", "/h", "growth of the number of goroutines", 0},
	{"latency_slope_ms_per_h", "ms/h", "growth of p99", 0},
	{"allocations_per_record", "", "allocations of the engine per record", -1},
	{"allocated_bytes_per_record", "B", "bytes allocated per record", -1},
	{"gc_per_s", "/s", "garbage collections", -1},
	{"gc_pause_p99_ms", "ms", "their pauses, p99", -1},
	{"ring_overflows", "", "pushes refused by full rings", 0},
	{"lagged_snapshots", "", "snapshots sent after a slow phase", 0},
	{"conflated", "", "updates that those left out", 0},
	{"bodies_built", "", "snapshot bodies encoded; clients that need the same one share it", 0},
	{"accept_pauses", "", "pauses before new connections were accepted", 0},
	{"stream_lag_max_ms", "ms", "lag of the reader behind the stream", -1},
	{"window_max_ms", "ms", "longest flush window", -1},
	{"archive_rows_per_s", "/s", "rows written to the table", 1},
	{"archive_lag_max_ms", "ms", "lag of the archive behind the stream", -1},
	{"archive_catch_up_ms", "ms", "from the last record to the last row", -1},
	{"archive_bytes_per_row", "B", "size of the table on disk, with its index", -1},
	{"postgres_us_per_row", "µs", "CPU time of PostgreSQL per row", -1},
	{"redis_cores", "cores", "CPU time of Redis", 0},
	{"postgres_cores", "cores", "CPU time of PostgreSQL", 0},
	{"softirq_cores", "cores", "softirq time of the whole machine (/proc/stat), mostly the receiving half of loopback; some kernels count it for processes as well", 0},
	{"harness_cores", "cores", "CPU time of the harness", 0},
	{"steal_percent", "%", "CPU time that the hypervisor gave to other machines", 0},
}

// QuietRatio is the p99 with all attacks at once, divided by that of the quiet
// phase. With "_" and the name of an attack appended it is that of this attack
// alone.
const QuietRatio = "latency_ratio_to_quiet"

// Figures are all figures, in the order of a report.
func Figures() []Figure {
	var alone []Figure
	for _, k := range attack.Kinds() {
		alone = append(alone, Figure{QuietRatio + "_" + k.Name, "", "with the attack " + k.Name + " alone", -1})
	}
	at := slices.IndexFunc(figures, func(f Figure) bool { return f.Key == QuietRatio })
	return slices.Insert(slices.Clone(figures), at+1, alone...)
}
