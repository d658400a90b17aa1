package e2etest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"pitwall/engine/e2e/servers"
)

// Addrs are the addresses of an engine or a process of Pitwall, as host:port.
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

// Metric returns the sum of all metrics of a name, whatever their labels. A name with
// labels is that of one metric. A metric that is missing fails the test.
func (a Addrs) Metric(t testing.TB, name string) int {
	t.Helper()
	v, err := a.ReadMetric(name)
	if err != nil {
		t.Fatal(err)
	}
	return int(v)
}

// ReadMetric is Metric for callers that handle the error.
func (a Addrs) ReadMetric(name string) (sum float64, err error) {
	_, text, err := Fetch(http.MethodGet, "http://"+a.Ops+"/metrics")
	if err != nil {
		return 0, err
	}
	lines := regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(name)+`(?:\{.*\})? (\S+)$`).FindAllStringSubmatch(text, -1)
	if len(lines) == 0 {
		return 0, fmt.Errorf("there is no metric %s", name)
	}
	for _, line := range lines {
		v, err := strconv.ParseFloat(line[1], 64)
		if err != nil {
			return 0, fmt.Errorf("metric line %q: %w", line[0], err)
		}
		sum += v
	}
	return sum, nil
}

// WantMetric waits until a metric has a value.
func (a Addrs) WantMetric(t testing.TB, name string, want int) {
	t.Helper()
	got := 0
	if !servers.Poll(Patience, func() bool { got = a.Metric(t, name); return got == want }) {
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

// Well reports whether /readyz answers 200 and no component has a fault.
func (a Addrs) Well(t testing.TB) bool {
	t.Helper()
	status, states := a.Components(t)
	for _, state := range states {
		if state == "degraded" || state == "failed" {
			return false
		}
	}
	return status == http.StatusOK
}

// FreeAddr returns an address of this machine that is free now.
func FreeAddr(t testing.TB) (addr string) {
	t.Helper()
	err := servers.OnFreePort(func(port int) error { addr = fmt.Sprintf("127.0.0.1:%d", port); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
