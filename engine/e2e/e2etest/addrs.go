package e2etest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Addrs are where an engine or a process of Pitwall listens, as host:port.
type Addrs struct{ HTTP, Ops string }

// Fetch sends a request without a body and reads the answer.
func Fetch(method, url string) (status int, body string, err error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := HTTP.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// Get asks the private listener.
func (a Addrs) Get(t testing.TB, path string) (status int, body string) {
	t.Helper()
	status, body, err := Fetch(http.MethodGet, "http://"+a.Ops+path)
	if err != nil {
		t.Fatal(err)
	}
	return status, body
}

// Metric returns the sum of all metrics of a name, whatever their labels. A
// name with labels stands for one metric. A metric that is missing fails the
// test.
func (a Addrs) Metric(t testing.TB, name string) int {
	t.Helper()
	v, err := a.ReadMetric(name)
	if err != nil {
		t.Fatal(err)
	}
	return int(v)
}

// ReadMetric is Metric with an error.
func (a Addrs) ReadMetric(name string) (sum float64, err error) {
	_, text, err := Fetch(http.MethodGet, "http://"+a.Ops+"/metrics")
	if err != nil {
		return 0, err
	}
	found := false
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("metric line %q: %w", line, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, fmt.Errorf("there is no metric %s", name)
	}
	return sum, nil
}

// WantMetric compares a metric.
func (a Addrs) WantMetric(t testing.TB, name string, want int) {
	t.Helper()
	if got := a.Metric(t, name); got != want {
		t.Errorf("%s is %d, want %d", name, got, want)
	}
}

// Components returns the state of each component that /readyz lists, by name.
func (a Addrs) Components(t testing.TB) (status int, states map[string]string) {
	t.Helper()
	status, body := a.Get(t, "/readyz?format=json")
	var answer struct {
		Parts []struct{ Part, State string }
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	states = map[string]string{}
	for _, p := range answer.Parts {
		states[p.Part] = p.State
	}
	return status, states
}

// AllComponents reports whether each of the components is in the state.
func (a Addrs) AllComponents(t testing.TB, state string, names ...string) bool {
	t.Helper()
	_, states := a.Components(t)
	return !slices.ContainsFunc(names, func(name string) bool { return states[name] != state })
}
