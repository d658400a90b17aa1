package manifests

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// folder is where the files are, seen from this package.
const folder = "../../../../cmd/pitwall/deploy/"

func shipped(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(folder + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// objects are those of kubernetes.yaml.
type objects struct {
	config     corev1.ConfigMap
	deployment appsv1.Deployment
	service    corev1.Service
	budget     policyv1.PodDisruptionBudget
}

// parse refuses unknown fields, values of another type, and kinds that are there twice or
// missing.
func parse(text []byte) (o objects, err error) {
	kinds := map[string]any{
		"v1 ConfigMap": &o.config, "apps/v1 Deployment": &o.deployment, "v1 Service": &o.service,
		"policy/v1 PodDisruptionBudget": &o.budget,
	}
	documents := yaml.NewYAMLReader(newReader(text))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return o, err
		}
		var kind struct{ APIVersion, Kind string }
		if err := strict.Unmarshal(document, &kind); err != nil {
			return o, err
		}
		name := kind.APIVersion + " " + kind.Kind
		into := kinds[name]
		if into == nil {
			return o, errors.New(name + " is unknown, or there twice")
		}
		delete(kinds, name)
		if err := strict.UnmarshalStrict(document, into); err != nil {
			return o, errors.New(name + ": " + err.Error())
		}
	}
	if len(kinds) > 0 {
		return o, errors.New("a kind is missing")
	}
	return o, nil
}

func TestKubernetes(t *testing.T) {
	text := shipped(t, "kubernetes.yaml")
	o, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []struct{ old, new string }{
		{"readinessProbe:", "readynessProbe:"}, {"replicas: 2", "replicas: two"}, {"kind: Service\n", "kind: Servise\n"},
		{"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: 3"},
	} {
		if _, err := parse(bytes.Replace(text, []byte(wrong.old), []byte(wrong.new), 1)); err == nil {
			t.Errorf("%q is accepted", wrong.new)
		}
	}

	pod := o.deployment.Spec.Template
	for name, selector := range map[string]map[string]string{
		"deployment": o.deployment.Spec.Selector.MatchLabels, "service": o.service.Spec.Selector, "budget": o.budget.Spec.Selector.MatchLabels,
	} {
		if len(selector) == 0 {
			t.Errorf("the %s selects everything", name)
		}
		for label, value := range selector {
			if pod.Labels[label] != value {
				t.Errorf("the %s selects %s=%s, which the pods do not have", name, label, value)
			}
		}
	}
	c := pod.Spec.Containers[0]
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	if ports["http"] != 8080 || env["HTTP_ADDR"] != "0.0.0.0:8080" || ports["ops"] != 9090 || env["OPS_ADDR"] != "0.0.0.0:9090" {
		t.Errorf("ports %v do not fit %v", ports, env)
	}
	if got := o.service.Spec.Ports[0].TargetPort.StrVal; got != "http" {
		t.Errorf("the service leads to %q", got)
	}
	for path, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if probe.HTTPGet.Path != path || probe.HTTPGet.Port.StrVal != "ops" {
			t.Errorf("a probe asks %v, want %s of ops", probe.HTTPGet, path)
		}
	}
	s := c.SecurityContext
	if !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || s.Capabilities.Drop[0] != "ALL" || !*pod.Spec.SecurityContext.RunAsNonRoot || *pod.Spec.SecurityContext.RunAsUser == 0 {
		t.Error("the container has rights that it does not need")
	}
	// A pod is out of the proxies' lists before it refuses anybody.
	probe := c.ReadinessProbe
	if sleep := c.Lifecycle.PreStop.Sleep.Seconds; sleep < 5 {
		t.Errorf("the sleep before the stop takes %d s", sleep)
	}
	if probe.PeriodSeconds*probe.FailureThreshold > 10 {
		t.Error("the readiness probe needs more than 10 s")
	}
	if o.deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 {
		t.Error("an update takes an instance away before the new one is ready")
	}
	if limit := c.Resources.Limits.Memory().Value(); limit < 2700<<20 || env["GOMEMLIMIT"] != "2700MiB" {
		t.Errorf("memory: at most %d, GOMEMLIMIT=%s", limit, env["GOMEMLIMIT"])
	}
	if !strings.Contains(string(text), "--from-literal=OPS_TOKEN") {
		t.Error("the private listener is open to everybody")
	}
}
