package alerts

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/servers"
)

// prometheus is a running Prometheus.
type prometheus struct {
	t    *testing.T
	addr string
}

// startPrometheus starts one with rules, which scrapes targets (address by name) and
// evaluates once a second. It ends with the test.
func startPrometheus(t *testing.T, rules string, targets map[string]string) *prometheus {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("prometheus is not installed: run 'make test', or apt-get install prometheus")
	}
	dir := t.TempDir()
	config := "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s\nrule_files: [rules.yml]\n" +
		"scrape_configs:\n  - job_name: pitwall\n    static_configs:\n"
	if len(targets) == 0 {
		config += "      - targets: []\n"
	}
	for name, addr := range targets {
		config += fmt.Sprintf("      - targets: [%q]\n        labels: {instance: %q}\n", addr, name)
	}
	for file, text := range map[string]string{"rules.yml": rules, "prometheus.yml": config} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := &prometheus{t: t}
	err = servers.OnFreePort(func(port int) error {
		p.addr = "127.0.0.1:" + strconv.Itoa(port)
		cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"),
			"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.addr, "--log.level=warn")
		proc, err := servers.StartProcess(cmd, filepath.Join(dir, "log"), syscall.SIGKILL)
		if err != nil {
			return err
		}
		t.Cleanup(func() {
			if err := proc.End(syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		})
		return proc.WaitReady(servers.ReadyWithin, func() bool {
			status, _, err := e2etest.Fetch(http.MethodGet, "http://"+p.addr+"/-/ready")
			return err == nil && status == http.StatusOK
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// get asks the API and decodes the data of the answer.
func (p *prometheus) get(path string, data any) {
	p.t.Helper()
	_, body, err := e2etest.Fetch(http.MethodGet, "http://"+p.addr+"/api/v1/"+path)
	if err != nil {
		p.t.Fatal(err)
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Status != "success" {
		p.t.Fatalf("%s: %v %s: %s", path, err, answer.Error, body)
	}
}

// rule is an alerting rule as Prometheus has read it.
type rule struct {
	Name, Query         string
	Labels, Annotations map[string]string
}

func (p *prometheus) rules() []rule {
	p.t.Helper()
	var data struct{ Groups []struct{ Rules []rule } }
	p.get("rules", &data)
	var all []rule
	for _, g := range data.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// firing returns the alerts that fire now, as "instance alert", with their annotations.
func (p *prometheus) firing() map[string]map[string]string {
	p.t.Helper()
	var data struct {
		Alerts []struct {
			State               string
			Labels, Annotations map[string]string
		}
	}
	p.get("alerts", &data)
	all := map[string]map[string]string{}
	for _, a := range data.Alerts {
		if a.State == "firing" {
			all[a.Labels["instance"]+" "+a.Labels["alertname"]] = a.Annotations
		}
	}
	return all
}

// series is one series of a query, without its value.
type series struct{ Metric map[string]string }

// query returns the series of an instant query.
func (p *prometheus) query(expression string) []series {
	p.t.Helper()
	var data struct{ Result []series }
	p.get("query?query="+url.QueryEscape(expression), &data)
	return data.Result
}
