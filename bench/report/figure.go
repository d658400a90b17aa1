package report

import (
	"slices"

	"pitwall/bench/attack"
)

// Figure describes one of the figures of a run.
type Figure struct {
	Key, Unit, What string
	Better          int // 1: more is better, -1: less is, 0: neither
}

var figures = []Figure{
	{"records_per_s", "/s", "records published", 0},
	{"deliveries_per_s", "/s", "positions that reached clients", 0},
	{"latency_p50_ms", "ms", "from the moment a record was due to the client: p50", -1},
	{"latency_p90_ms", "ms", "p90", -1},
	{"latency_p99_ms", "ms", "p99", -1},
	{"latency_p999_ms", "ms", "p99.9", -1},
	{"latency_max_ms", "ms", "max", 0},
	{"latency_p99_ms_bare", "ms", "p99 of a bare loop that writes the same once per window", 0},
	{"latency_ratio_to_bare", "", "the engine's to that", -1},
	{"latency_p99_ms_gws", "ms", "p99 of gws' Broadcaster, which has no window", 0},
	{"latency_ratio_to_gws", "", "the engine's to that", 0},
	{"slow_p99_ms", "ms", "p99 of the slow clients", 0},
	{"join_p50_ms", "ms", "from wanting to connect to the whole snapshot: p50", -1},
	{"join_p99_ms", "ms", "p99", -1},
	{"join_max_ms", "ms", "max", 0},
	{"quiet_p99_ms", "ms", "p99 before the attacks of a siege", -1},
	{QuietRatio, "", "p99 of all of them at once to that", -1},
	{"withdrawn_watched_s", "s", "how long a withdrawn spectator watched on under siege, at most", -1},
	{"memory_held_ratio", "", "memory held for pings to memory counted, the larger to the smaller", -1},
	{"calm_p99_ms", "ms", "p99 of the positions before a herd moves", -1},
	{"rush_p99_ms", "ms", "and while it comes", -1},
	{"rush_written_p99_ms", "ms", "of them from Redis until the engine has written them, p99", -1},
	{"stage_redis_p99_ms", "ms", "stage: due until Redis has it, p99", 0},
	{"stage_read_p50_ms", "ms", "stage: Redis until the engine has read it, p50", -1},
	{"stage_read_p99_ms", "ms", "p99", -1},
	{"stage_flush_p50_ms", "ms", "stage: read until it is flushed, p50", -1},
	{"stage_flush_p99_ms", "ms", "p99", -1},
	{"stage_socket_p50_ms", "ms", "stage: flushed until it is written to the socket, p50", -1},
	{"stage_socket_p99_ms", "ms", "p99", -1},
	{"stage_client_p50_ms", "ms", "stage: arrived in the client's socket until the client has read it, p50", 0},
	{"stage_client_p99_ms", "ms", "p99", 0},
	{"written_p50_ms", "ms", "the stages from Redis on: until it is written to the socket, p50", -1},
	{"written_p99_ms", "ms", "p99", -1},
	{"cpu_us_per_record", "µs", "engine's processor time per record", -1},
	{"cpu_us_per_delivery", "µs", "and per delivery", -1},
	{"us_per_delivery_bare", "µs", "what a bare loop needs that writes the same once per window", 0},
	{"ratio_to_bare", "", "the engine's to that", -1},
	{"us_per_delivery_gws", "µs", "what gws' Broadcaster needs, per record and connection", 0},
	{"ratio_to_gws", "", "the engine's to that", -1},
	{"user_us_per_delivery", "µs", "of it in user space", -1},
	{"sys_us_per_delivery", "µs", "of it in the kernel", -1},
	{"cpu_cores", "cores", "engine's processor time", -1},
	{"writes_per_delivery", "", "write calls per delivery", -1},
	{"writes_per_window", "", "write calls per connection and flush window", -1},
	{"bytes_per_delivery", "B", "bytes written per delivery", -1},
	{"rss_per_connection_kb", "KB", "engine's memory per idle connection", -1},
	{"rss_mb", "MB", "engine's memory at the end", -1},
	{"rss_peak_mb", "MB", "at most, looked at once a second", -1},
	{"heap_after_siege_mb", "MB", "what lives on its heap, some seconds after", -1},
	{"rss_slope_mb_per_h", "MB/h", "and how it grows", 0},
	{"goroutine_slope_per_h", "/h", "goroutines: how their number grows", 0},
	{"latency_slope_ms_per_h", "ms/h", "p99: how it grows", 0},
	{"allocations_per_record", "", "allocations of the engine per record", -1},
	{"allocated_bytes_per_record", "B", "bytes allocated per record", -1},
	{"gc_per_s", "/s", "garbage collections", -1},
	{"gc_pause_p99_ms", "ms", "their pauses, p99", -1},
	{"ring_overflows", "", "pushes refused by full rings", 0},
	{"lagged_snapshots", "", "snapshots sent after a slow phase", 0},
	{"conflated", "", "updates that they left out", 0},
	{"bodies_built", "", "snapshot bodies encoded, shared by all who needed the same", 0},
	{"accept_pauses", "", "pauses before newcomers were let in", 0},
	{"stream_lag_max_ms", "ms", "how far the reader was behind the stream", -1},
	{"window_max_ms", "ms", "longest flush window", -1},
	{"archive_rows_per_s", "/s", "rows written to the table", 1},
	{"archive_lag_max_ms", "ms", "how far the archive was behind", -1},
	{"archive_catch_up_ms", "ms", "from the last record to the last row", -1},
	{"archive_bytes_per_row", "B", "of the table on disk, index included", -1},
	{"postgres_us_per_row", "µs", "processor time of PostgreSQL per row", -1},
	{"redis_cores", "cores", "processor time of Redis", 0},
	{"postgres_cores", "cores", "of PostgreSQL", 0},
	{"softirq_cores", "cores", "softirq of the whole machine (/proc/stat): mostly receiving what was written on it; on some kernels within the cores of processes, too", 0},
	{"harness_cores", "cores", "processor time of the harness", 0},
	{"steal_percent", "%", "processor time that the machine was not given", 0},
}

// QuietRatio is the p99 under attack to that of the quiet phase, with all attacks
// at once; with "_" and the name of an attack appended, under that alone.
const QuietRatio = "latency_ratio_to_quiet"

// Figures are all there are, in the order of a report.
func Figures() []Figure {
	var alone []Figure
	for _, k := range attack.Kinds() {
		alone = append(alone, Figure{QuietRatio + "_" + k.Name, "", "of the attack " + k.Name + " alone", -1})
	}
	at := slices.IndexFunc(figures, func(f Figure) bool { return f.Key == QuietRatio })
	return slices.Insert(slices.Clone(figures), at+1, alone...)
}
