package archive

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
)

// unusualRecords are records as devices and forwarders may send them, each with unusual
// optional values. Every position is kept.
var unusualRecords = [][]string{
	{"alt", ""}, {"alt", "nan"}, {"alt", "1e999"}, {"speed", "abc"}, {"course", "1,5"}, {"sats", "-1"}, {"sats", "3.7"}, {"ts", ""}, {"faulty", "False"}, {"faulty", ""},
	{"attributes", ""}, {"attributes", "a=1"}, {"attributes", "[1]"}, {"attributes", `{"battery":null}`}, {"attributes", `{"inregions":["Home"],"io":{"239":{"v":[1,null]}}}`},
	{"attributes", `{"a":"\u0000","b":"ä\u2028/\/","c":"\ud83d","d":1}`}, {"attributes", "{\"a\":\"\xff\"}"}, {"attributes", `{"\u0000":1,"n":1e999, "e" : 1.50e+3 }`},
	{"attributes", `{"deep":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`}, {"attributes", `{"deep":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`},
	{"attributes", `{"big":"` + strings.Repeat("x", 17<<10) + `"}`}, {"attributes", `{"i":{"__bigint":"x"},"j":{"__bigint":"9007199254740993"}}`},
	{"payload", `{"latitude":"46.5","longitude":7,"altitude":"","speed":true,"satellites":"9","priority":-1,"faulty":"false","timestamp":""}`, "codec", strings.Repeat("8", 65)},
	{"payload", `{"latitude":46,"longitude":7,"attributes":"x","x":"\u0000"}`, "codec", "8\x00"},
	{"payload", `{"latitude":46,"longitude":7,"attributes":{"a":1,"a":{"b":["\ud83d\ude00"]},"\ud83d":2}}`, "codec", "8E"},
}

// Every database accepts what the codec accepts, and returns it unchanged.
func TestUnusualOptionalValuesAreArchived(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		want := make([]codec.Position, len(unusualRecords))
		d := codec.NewDecoder(codec.DefaultLimits())
		left := map[codec.Omission]int{}
		for n, fields := range unusualRecords {
			record := append([]string{"device_id", fmt.Sprintf("d-%06d", n), "lat", "46", "lon", "7"}, fields...)
			r.add(stream, record...)
			if err := d.Decode(&want[n], time.Now().UnixMilli(), 0, record); err != nil {
				t.Fatalf("%.200q: %v", record, err)
			}
			for _, o := range d.LeftOut() {
				left[o]++
			}
		}
		r.add(stream, "device_id", "d-000000", "lat", "46", "lon", "7", "faulty", "maybe")
		left[codec.Omission{Value: codec.OptionalFaulty, Reason: codec.ReasonType}]++
		r.run(r.newArchive(nil))
		r.eventually("all rows", func() bool { return r.metric("processor_archive_rows_total") == len(unusualRecords)+1 })
		r.wantNothingPends(stream)
		r.wantMetric("processor_archive_dead_total", 0)
		r.wantMetric("processor_archive_refused_total", 0)
		got := r.rows(len(unusualRecords))
		if len(got) != len(want) {
			t.Fatalf("%d rows, want %d", len(got), len(want))
		}
		for n, p := range got {
			w := want[n]
			w.TS, w.Arrival, w.Untimed = p.TS, p.Arrival, p.Untimed
			if p != w {
				t.Errorf("%.200q:\ngot  %+v\nwant %+v", unusualRecords[n], p, w)
			}
		}
		for _, o := range codec.Omissions() {
			r.wantMetric(fmt.Sprintf("processor_archive_fields_left_out_total{field=%q,reason=%q}", o.Value, o.Reason), left[o])
		}
		if n := r.log.count("an optional value is wrong"); n != len(left) {
			t.Errorf("%d log lines for %d kinds of omission", n, len(left))
		}
	})
}
