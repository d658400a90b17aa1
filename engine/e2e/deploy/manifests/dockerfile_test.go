package manifests

import (
	"bytes"
	"slices"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// TestDockerfile parses the file with the parser of docker build.
func TestDockerfile(t *testing.T) {
	parsed := func(text []byte) ([]instructions.Stage, error) {
		tree, err := parser.Parse(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		stages, _, err := instructions.Parse(tree.AST, nil)
		return stages, err
	}
	text := shipped(t, "Dockerfile")
	stages, err := parsed(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed(bytes.Replace(text, []byte("ENTRYPOINT"), []byte("ENTRYPIONT"), 1)); err == nil {
		t.Error("a misspelt instruction is accepted")
	}
	last := stages[len(stages)-1]
	if len(stages) != 2 || last.BaseName != "scratch" {
		t.Fatalf("%d stages, the last from %s", len(stages), last.BaseName)
	}
	found := map[string]bool{}
	for _, command := range last.Commands {
		found[command.Name()] = true
		switch c := command.(type) {
		case *instructions.UserCommand:
			if c.User != "65532:65532" {
				t.Errorf("the user is %s", c.User)
			}
		case *instructions.HealthCheckCommand:
			if !slices.Equal(c.Health.Test, []string{"CMD", "/pitwall", "check"}) {
				t.Errorf("the health check is %q", c.Health.Test)
			}
		case *instructions.EntrypointCommand:
			if c.PrependShell || !slices.Equal(c.CmdLine, []string{"/pitwall"}) {
				t.Errorf("the entry point is %q", c.CmdLine)
			}
		case *instructions.CopyCommand:
			if c.From != stages[0].Name {
				t.Errorf("a file is copied from %q", c.From)
			}
		}
	}
	for _, name := range []string{"USER", "HEALTHCHECK", "ENTRYPOINT", "COPY"} {
		if !found[name] {
			t.Errorf("there is no %s", name)
		}
	}
}
