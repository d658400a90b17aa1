package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"pitwall/engine/config"
)

// asProgram is the variable that makes the test binary behave as pitwall.
const asProgram = "RUN_AS_PROGRAM"

// TestMain removes the settings from the environment, so that a setting which a test
// does not set has its default.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Unsetenv(asProgram)
		main()
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Config]()) {
		if name := f.Tag.Get("env"); name != "" {
			os.Unsetenv(name)
		}
	}
	code := m.Run()
	if dir := filepath.Dir(raceless.path); raceless.path != "" {
		_ = os.RemoveAll(dir) // in the temporary folder anyway
	}
	os.Exit(code)
}

// program returns pitwall as a process that is not started. env holds NAME=value.
func program(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(os.Environ(), asProgram+"=1"), env...)
	return cmd
}

// raceless is pitwall built without the race detector; path is "" before the first use.
var raceless struct {
	sync.Mutex
	path string
}

// commandPath returns what runs as pitwall where a command ends by itself: the test binary,
// which needs asProgram for it. With the race detector it is a build without that, because
// a process takes a second longer with it, and what commands do at the same time as others
// is tested in their packages.
func commandPath(t *testing.T) (path string) {
	t.Helper()
	if !raceEnabled {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		return self
	}
	raceless.Lock()
	defer raceless.Unlock()
	if raceless.path != "" {
		return raceless.path
	}
	dir, err := os.MkdirTemp("", "pitwall-program-")
	if err != nil {
		t.Fatal(err)
	}
	raceless.path = filepath.Join(dir, "pitwall")
	if out, err := exec.Command("go", "build", "-o", raceless.path, ".").CombinedOutput(); err != nil {
		t.Fatalf("build pitwall: %v\n%s", err, out)
	}
	return raceless.path
}

// execute runs pitwall to its end.
func execute(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := program(t, env, args...)
	cmd.Path = commandPath(t)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), errs.String(), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), 0
}

// mentions fails the test unless text has all of the parts.
func mentions(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is missing in:\n%s", p, text)
		}
	}
}
