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

// racelessProgram builds pitwall without the race detector, once.
func racelessProgram(t *testing.T) (path string) {
	t.Helper()
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

// execute runs pitwall to its end, always without the race detector: with it every
// process takes a second longer, and what the commands do together with others is
// tested in their packages.
func execute(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := program(t, env, args...)
	if raceEnabled {
		cmd.Path, cmd.Env = racelessProgram(t), append(os.Environ(), env...)
	}
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
