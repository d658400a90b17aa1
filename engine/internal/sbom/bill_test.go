package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// The bill of the built program has the modules that go version -m prints.
func TestBillNamesEveryModule(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "pitwall")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "pitwall/cmd/pitwall").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "go", "version", "-m", bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(billOf(info))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		BOMFormat, SpecVersion string
		Metadata               struct{ Component struct{ Name string } }
		Components             []struct{ Name, Version, Purl string }
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.BOMFormat != "CycloneDX" || got.SpecVersion != "1.5" || got.Metadata.Component.Name != "pitwall" {
		t.Errorf("%s %s of %s", got.BOMFormat, got.SpecVersion, got.Metadata.Component.Name)
	}
	listed := map[string]bool{}
	for _, c := range got.Components {
		if listed[c.Name+" "+c.Version] || c.Purl != "pkg:golang/"+strings.ToLower(c.Name)+"@"+c.Version {
			t.Errorf("component %+v is wrong or listed twice", c)
		}
		listed[c.Name+" "+c.Version] = true
	}
	modules := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != "dep" {
			continue
		}
		if modules++; !listed[f[1]+" "+f[2]] {
			t.Errorf("%s %s is linked but not listed", f[1], f[2])
		}
	}
	if modules < 10 || len(got.Components) != modules+1 { // and the standard library
		t.Errorf("%d components for %d modules", len(got.Components), modules)
	}
}

func TestBillFollowsReplacements(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26", Deps: []*debug.Module{
		{Path: "example.com/Old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/New", Version: "v2.0.0", Sum: "h1:x"}},
	}}
	got := billOf(info).Components
	if len(got) != 2 || got[0].Name != "std" || got[1].URL != "pkg:golang/example.com/new@v2.0.0" || got[1].Properties[0].Value != "h1:x" {
		t.Errorf("components %+v", got)
	}
}
