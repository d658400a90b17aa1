package manifests

import (
	"bufio"
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

func newReader(text []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(text)) }

// load parses a text as docker compose does: with its schema, which refuses unknown
// fields, and with the variables of an environment.
func load(text []byte, env map[string]string) (*types.Project, error) {
	dir, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: dir, Environment: env,
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: text}},
	})
}

func TestCompose(t *testing.T) {
	text := shipped(t, "compose.yaml")
	secret := map[string]string{"POSTGRES_PASSWORD": "hush"}
	p, err := load(text, secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(text, nil); err == nil || !strings.Contains(err.Error(), "POSTGRES_PASSWORD") {
		t.Errorf("without a password: %v", err)
	}
	for _, wrong := range []struct{ old, new string }{
		{"mem_limit: 2g", "memory_limit: 2g"}, {"read_only: true", "read_only: [true]"}, {"condition: service_healthy", "condition: service_well"},
	} {
		if _, err := load(bytes.Replace(text, []byte(wrong.old), []byte(wrong.new), 1), secret); err == nil {
			t.Errorf("%q is accepted", wrong.new)
		}
	}
	for _, name := range []string{"pitwall", "redis", "postgres"} {
		s := p.Services[name]
		if s.HealthCheck == nil || len(s.HealthCheck.Test) == 0 || s.MemLimit == 0 || s.Restart != "unless-stopped" {
			t.Errorf("%s has no health check, no limit of memory, or is not restarted", name)
		}
	}
	s := p.Services["pitwall"]
	if !slices.Equal(s.HealthCheck.Test, []string{"CMD", "/pitwall", "check"}) || !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") {
		t.Errorf("pitwall: %v, read-only %v, without %v", s.HealthCheck.Test, s.ReadOnly, s.CapDrop)
	}
	if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < 60*time.Second {
		t.Error("the shutdown has no time")
	}
	for name, want := range map[string]string{
		"REDIS_URL": "redis://redis:6379/0", "DATABASE_URL": "postgres://pitwall:hush@postgres:5432/pitwall?sslmode=disable",
		"TRUSTED_PROXIES": p.Networks["default"].Ipam.Config[0].Gateway,
	} {
		if got := s.Environment[name]; got == nil || *got != want {
			t.Errorf("%s is not %s", name, want)
		}
	}
	if s.Build.Dockerfile != "cmd/pitwall/deploy/Dockerfile" {
		t.Errorf("built of %q", s.Build.Dockerfile)
	}
	if root, err := filepath.Abs(folder + "../../.."); err != nil || s.Build.Context != root {
		t.Errorf("built in %q, want %q", s.Build.Context, root)
	}
	if s.Ports[0].HostIP != "127.0.0.1" {
		t.Errorf("the page is published at %q", s.Ports[0].HostIP)
	}
	if got := p.Services["redis"].Command; !slices.Contains(got, "noeviction") || !slices.Contains(got, "--appendonly") || len(p.Services["redis"].Volumes) != 1 {
		t.Errorf("redis keeps nothing: %q", got)
	}
	if len(p.Services["postgres"].Volumes) != 1 {
		t.Error("postgres keeps nothing")
	}
}
