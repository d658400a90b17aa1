package report

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHTMLLoadsNothing: the page loads nothing from elsewhere, escapes its contents,
// and has plots.
func TestHTMLLoadsNothing(t *testing.T) {
	r := reportOf("latency_p99_ms", 40, 44)
	r.Runs[0].Why = []string{"<script>alert(1)</script>"}
	r.Runs[0].Profile = []Profile{{Kind: "cpu", Kernel: 0.7, Top: []Line{{"write", 0.5}}, Components: []Line{{"shards", 0.2}}}}
	r.Runs[0].Ramp, r.Runs[0].Capacity = []Step{{Load: 10, Kept: true}}, "This machine carries 10 spectators."
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if m := regexp.MustCompile(`(?i)(src|href|url\(|@import|<script)[^>]{0,40}`).FindString(page); m != "" {
		t.Errorf("the page loads or runs %q", m)
	}
	if n := strings.Count(page, "<polyline"); n < 4 {
		t.Errorf("%d lines are drawn, want those of latency, percentiles and deliveries", n)
	}
	for _, want := range []string{"latency_p99_ms", "70.0 %", "This machine carries", "one event &lt;and&gt; everybody"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestPlotsAreXML: a browser tolerates invalid XML, a converter does not.
func TestPlotsAreXML(t *testing.T) {
	for _, p := range plots(reportOf("latency_p99_ms", 40, 44)) {
		d := xml.NewDecoder(strings.NewReader(string(p)))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, p)
			}
		}
	}
}

func TestNiceStep(t *testing.T) {
	for most, want := range map[float64]float64{0: 1, 1: 0.2, 4: 1, 10: 2, 23: 5, 100: 20, 1999: 500} {
		if got := niceStep(most); got != want {
			t.Errorf("niceStep(%v) = %v, want %v", most, got, want)
		}
	}
}

func TestReportSurvivesJSON(t *testing.T) {
	r := reportOf("latency_p99_ms", 40, 44)
	file := t.TempDir() + "/r.json"
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got); diff != "" {
		t.Errorf("after writing and reading (-want +got):\n%s", diff)
	}
}

// TestText: figures, reasons and ramp are in the text.
func TestText(t *testing.T) {
	r := reportOf("latency_p99_ms", 40, 44, 48)
	r.Runs[1].Valid, r.Runs[1].Why = false, []string{"a process of spectators was held up"}
	r.Runs[0].Capacity, r.Runs[0].Ramp = "This machine carries 10 spectators.", []Step{{Load: 10}}
	var b bytes.Buffer
	if err := Text(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"latency_p99_ms", "40 - 48", "NOT VALID: a process of spectators was held up", "This machine carries 10 spectators."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, b.String())
		}
	}
}
