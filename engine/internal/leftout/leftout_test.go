package leftout

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/internal/redis"
)

func TestRecorder(t *testing.T) {
	set, log := metrics.NewSet(), new(bytes.Buffer)
	a := New(set, "left_out_total", slog.New(slog.NewTextHandler(log, nil)))
	b := New(set, "left_out_total", slog.New(slog.DiscardHandler))
	var text bytes.Buffer
	set.WritePrometheus(&text)
	if n := strings.Count(text.String(), " 0\n"); n != len(codec.Omissions()) {
		t.Errorf("%d counters are 0 at first, want %d:\n%s", n, len(codec.Omissions()), &text)
	}
	alt := codec.Omission{Value: codec.OptionalAlt, Reason: codec.ReasonNumber}
	faulty := codec.Omission{Value: codec.OptionalFaulty, Reason: codec.ReasonType}
	for n := range 10 {
		a.Record(redis.ID{Ms: uint64(n)}, []codec.Omission{alt, faulty})
	}
	b.Record(redis.ID{Ms: 10}, []codec.Omission{faulty})
	a.Record(redis.ID{Ms: 11}, nil)
	a.Record(redis.ID{Ms: 12}, []codec.Omission{{Value: codec.OptionalCodec, Reason: codec.ReasonRange}})
	text.Reset()
	set.WritePrometheus(&text)
	for _, want := range []string{`left_out_total{field="alt",reason="bad_number"} 10`, `left_out_total{field="faulty",reason="bad_type"} 11`} {
		if !strings.Contains(text.String(), want+"\n") {
			t.Errorf("%s is not in\n%s", want, &text)
		}
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "id=0-0 field=alt reason=bad_number times=1") || !strings.Contains(lines[2], "level=ERROR") {
		t.Errorf("logged:\n%s", log)
	}
}
