package main

import (
	"runtime/debug"
	"strings"
)

// bill is a CycloneDX document (https://cyclonedx.org/docs/1.5/json), with the fields
// that are known for a Go program.
type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	URL        string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// settings are the build settings that are listed.
var settings = map[string]bool{
	"-tags": true, "CGO_ENABLED": true, "GOARCH": true, "GOOS": true, "vcs.revision": true, "vcs.modified": true,
}

// billOf lists the program, the standard library and every linked module. A replaced
// module is listed as its replacement.
func billOf(info *debug.BuildInfo) bill {
	main := moduleOf(&info.Main)
	main.Type = "application"
	for _, s := range info.Settings {
		if settings[s.Key] && s.Value != "" {
			main.Properties = append(main.Properties, property{"go:build:" + s.Key, s.Value})
		}
	}
	b := bill{
		Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{main},
		Components: []component{moduleOf(&debug.Module{Path: "std", Version: info.GoVersion})},
	}
	for _, m := range info.Deps {
		b.Components = append(b.Components, moduleOf(m))
	}
	return b
}

func moduleOf(m *debug.Module) component {
	if m.Replace != nil {
		m = m.Replace
	}
	// Package URLs of type golang are in lower case.
	url := "pkg:golang/" + strings.ToLower(m.Path) + "@" + m.Version
	c := component{Type: "library", Ref: url, Name: m.Path, Version: m.Version, URL: url}
	if m.Sum != "" {
		c.Properties = []property{{"go:sum", m.Sum}}
	}
	return c
}
