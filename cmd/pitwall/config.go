package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"pitwall/engine"
	"pitwall/engine/config"
)

type configCmd struct {
	config.Config
	JSON bool `name:"json" help:"Print a JSON list of objects with name, flag, value and source."`
}

// Run prints the settings that serve would use, or returns the error that it would
// fail with.
func (c *configCmd) Run(k *kong.Context) error {
	for _, w := range lookalikes() {
		fmt.Fprintln(stderr, "pitwall: warning:", w)
	}
	if err := engine.Check(&c.Config); err != nil {
		return usageError{err}
	}
	return printSettings(stdout, k, c.Settings(), c.JSON)
}

// sourced is a setting with the source of its value.
type sourced struct {
	config.Setting
	Source string `json:"source"`
}

func printSettings(w io.Writer, k *kong.Context, list []config.Setting, asJSON bool) error {
	all := make([]sourced, len(list))
	for i, s := range list {
		all[i] = sourced{s, sourceOf(k, s)}
	}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	for _, s := range all {
		line := fmt.Sprintf("%-34s %-12s %s", s.Name, s.Source, plain(s.Value))
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// plain quotes a value that would not fit on one line.
func plain(v string) string {
	if quoted := strconv.Quote(v); quoted != `"`+v+`"` {
		return quoted
	}
	return v
}

// fileNamed reports whether the secret of a setting is in a file of its own.
func fileNamed(k *kong.Context, name string) bool {
	for _, f := range k.Selected().Flags {
		if slices.Contains(f.Envs, name+"_FILE") {
			return f.Target.String() != ""
		}
	}
	return false
}

// sourceOf returns the source of a setting's value. A flag overrides the environment,
// which overrides the settings file.
func sourceOf(k *kong.Context, s config.Setting) string {
	for _, p := range k.Path {
		if p.Flag != nil && p.Flag.Name == s.Flag {
			return "flag"
		}
	}
	if settingsFile.set[s.Name] {
		return "file"
	}
	if _, set := os.LookupEnv(s.Name); set {
		return "environment"
	}
	if s.Value != "" && fileNamed(k, s.Name) {
		return "file"
	}
	return "default"
}
