package alerts

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// dashboard is what Grafana has to find in the file.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	Datasource  struct{ Type, UID string }
	GridPos     struct{ H, W, X, Y int }
	Targets     []target
}

type target struct {
	RefID        string
	Expr         string
	LegendFormat string
	Datasource   struct{ Type, UID string }
}

var (
	variable    = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)
	labelValues = regexp.MustCompile(`^label_values\((.*), \w+\)$`)
	placeholder = regexp.MustCompile(`\{\{(\w+)\}\}`)
)

// TestDashboard: the panels fill the grid without overlaps, use only variables that are
// declared and metrics that exist, and Prometheus understands each expression. Each metric
// has the labels that an expression or a legend names, so that no line is without a name.
func TestDashboard(t *testing.T) {
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, deploy+"/dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || d.Title == "" || d.SchemaVersion == 0 {
		t.Errorf("uid %q, title %q, schema %d", d.UID, d.Title, d.SchemaVersion)
	}
	have := exposed(scrape(t))
	variables := map[string]bool{"__rate_interval": true}
	for _, v := range d.Templating.List {
		variables[v.Name] = true
		if v.Type == "query" {
			m := labelValues.FindStringSubmatch(v.Definition)
			if m == nil {
				t.Fatalf("the variable %s is %q", v.Name, v.Definition)
			}
			wantExposed(t, have, "the variable "+v.Name, m[1])
		}
	}
	if first := d.Templating.List[0]; first.Name != "datasource" || first.Type != "datasource" {
		t.Errorf("the first variable is %+v, want the data source", first)
	}
	prometheus := startPrometheus(t, "groups: []\n", nil)
	cells, ids, titles, used := map[[2]int]string{}, map[int]bool{}, map[string]bool{}, 0
	for _, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] || p.Title == "" {
			t.Errorf("the id %d or the title %q is not unique", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, p.Type != "row" // a row may be called like its panel
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" || x > 23 {
					t.Fatalf("%q overlaps %q or the edge", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" && (p.Datasource.UID != "${datasource}" || len(p.Targets) == 0) {
			t.Errorf("%q: data source %q, %d targets", p.Title, p.Datasource.UID, len(p.Targets))
		}
		for _, target := range p.Targets {
			used++
			checkTarget(t, prometheus, have, variables, p.Title, target)
		}
	}
	for _, want := range []string{"Ready", "Readiness parts with a fault", "Records read", "Lag", "Spectators", "Positions sent", "From Redis to the socket", "Errors"} {
		if !titles[want] {
			t.Errorf("there is no panel %q", want)
		}
	}
	if used < 25 {
		t.Errorf("%d expressions, want all", used)
	}
}

// checkTarget checks one expression of a panel.
func checkTarget(t *testing.T, p *prometheus, have, variables map[string]bool, title string, target target) {
	t.Helper()
	if target.Datasource.UID != "${datasource}" {
		t.Errorf("%q asks the data source %q", title, target.Datasource.UID)
	}
	for _, m := range variable.FindAllStringSubmatch(target.Expr, -1) {
		if !variables[m[1]+m[2]] {
			t.Errorf("%q uses the variable %s, which is not declared", title, m[0])
		}
	}
	expression := strings.NewReplacer("$__rate_interval", "1m", "$job", ".*", "$instance", ".*").Replace(target.Expr)
	p.query(expression)
	wantExposed(t, have, title, expression)
	page := read(t, "../../../"+runbook)
	for _, name := range metricsOf(expression) {
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(strings.TrimSuffix(name, "_bucket")) + "(?:\\{([^}]*)\\})?` ").FindStringSubmatch(page)
		if row == nil {
			t.Errorf("%q: %s does not document %s", title, runbook, name)
			continue
		}
		labels := "," + row[1] + ",instance,job,"
		for _, m := range placeholder.FindAllStringSubmatch(target.LegendFormat, -1) {
			if !strings.Contains(labels, ","+m[1]+",") {
				t.Errorf("%q names the label %s, which %s does not have", title, m[1], name)
			}
		}
	}
}
