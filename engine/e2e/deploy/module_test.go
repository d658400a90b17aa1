package deploy

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A copy of the module under another path (make module) can be installed by that path:
// the test serves it as a module proxy does. No file of Go in the copy names the old path.
// It is installed with PITWALL_LONG, because every package has to be compiled; otherwise
// every import has to lead to a package.
func TestModuleUnderAnotherPath(t *testing.T) {
	const name = "pitwall.test/club/tracker"
	tree := filepath.Join(t.TempDir(), "copy")
	command(t, nil, "../../../.ci/module", name, tree)
	if out := command(t, nil, "gofmt", "-l", tree); out != "" {
		t.Errorf("gofmt is wanted by:\n%s", out)
	}
	namesNo(t, tree, `"`+module+`/`)
	command(t, nil, "go", "-C", tree, "list", "-deps", "./...")
	if os.Getenv("PITWALL_LONG") == "" {
		return
	}

	cache := moduleCache(t, name)
	proxy := t.TempDir()
	serveModule(t, tree, filepath.Join(proxy, name, "@v"))

	bin := t.TempDir()
	env := append(os.Environ(), "GOMODCACHE="+cache, "GOBIN="+bin, "GOPROXY=file://"+proxy, "GOSUMDB=off", "GOFLAGS=-modcacherw", "CGO_ENABLED=0")
	command(t, env, "go", "install", name+"/cmd/pitwall@v0.0.1")
	if got := command(t, nil, filepath.Join(bin, "pitwall"), "--version"); got != "pitwall v0.0.1\n" {
		t.Errorf("got version %q, want v0.0.1", got)
	}
}

// moduleCache returns the folder of the module cache, without the module of that name
// until the end of the test. The cache is the user's own, so that the dependencies, and
// the packages that did not change since the last run, are not compiled again. The lock
// is for a run of this test in another tree.
func moduleCache(t *testing.T, name string) string {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "pitwall-module-test.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	cache := strings.TrimSpace(command(t, nil, "go", "env", "GOMODCACHE"))
	remove := func() {
		for _, path := range []string{name + "@v0.0.1", "cache/download/" + name} {
			if err := os.RemoveAll(filepath.Join(cache, path)); err != nil {
				t.Error(err)
			}
		}
	}
	remove()
	t.Cleanup(func() {
		remove()
		_ = lock.Close()
	})
	return cache
}

// namesNo checks that no Go file of a tree has the text.
func namesNo(t *testing.T, tree, text string) {
	t.Helper()
	found, err := exec.Command("grep", "-rnF", "--include=*.go", text, tree).CombinedOutput()
	if len(found) > 0 {
		t.Errorf("%s is still named (%v):\n%s", text, err, found)
	}
}

// A name that is no path of a module to download is refused, and changes nothing.
func TestModuleNameIsChecked(t *testing.T) {
	for _, name := range []string{"", "tracker", "Example.org/x", "example.org/x y", "example.org/#x", "example.org"} {
		tree := filepath.Join(t.TempDir(), "copy")
		if err := exec.Command("../../../.ci/module", name, tree).Run(); err == nil {
			t.Errorf("the name %q was accepted, want it refused", name)
		}
		if _, err := os.Stat(tree); err == nil {
			t.Errorf("the name %q was refused, but there is a copy", name)
		}
	}
}

// command runs a program in this package's folder and returns its standard output.
func command(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var errs strings.Builder
	cmd.Env, cmd.Stderr = env, &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, errs.String())
	}
	return string(out)
}

// serveModule makes the files of a module proxy for version v0.0.1 of a tree: nested
// modules are not part of it.
func serveModule(t *testing.T, tree, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(tree, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "list"), "v0.0.1\n")
	write(t, filepath.Join(dir, "v0.0.1.info"), `{"Version":"v0.0.1","Time":"2026-01-01T00:00:00Z"}`)
	write(t, filepath.Join(dir, "v0.0.1.mod"), string(mod))
	line, _, _ := strings.Cut(string(mod), "\n")
	prefix := strings.TrimPrefix(line, "module ") + "@v0.0.1/"
	file, err := os.Create(filepath.Join(dir, "v0.0.1.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z := zip.NewWriter(file)
	err = filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != tree {
				return filepath.SkipDir
			}
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		w, err := z.Create(prefix + filepath.ToSlash(strings.TrimPrefix(path, tree+string(filepath.Separator))))
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}
