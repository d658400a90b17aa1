package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// module is the path of the module (make module rewrites it).
const module = "pitwall"

// targets are the systems that cmd/pitwall is built for.
var targets = []string{
	"windows/386", // neither Unix nor 64 bits
	// The others, for PITWALL_LONG.
	"linux/arm", "freebsd/amd64", "linux/amd64", "linux/arm64", "linux/386", "darwin/amd64", "darwin/arm64", "windows/amd64",
}

// quickTargets is how many of the targets are checked without PITWALL_LONG.
const quickTargets = 1

// The binary can be built for other systems: every package type-checks, with the sizes of
// the processor, so that no constant overflows 32 bits. That needs no compiled package.
// With PITWALL_LONG it is built for every target, and its packages are vetted, which
// takes minutes for each of which the build cache has nothing.
func TestCrossBuilds(t *testing.T) {
	parsed := &parsedFiles{fset: token.NewFileSet(), files: map[string]*ast.File{}}
	long := os.Getenv("PITWALL_LONG") != ""
	for i, target := range targets {
		if i >= quickTargets && !long {
			break
		}
		t.Run(strings.ReplaceAll(target, "/", "-"), func(t *testing.T) {
			system, arch, _ := strings.Cut(target, "/")
			env := append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
			list := listPackages(t, env)
			check := &checker{parsed: parsed, sizes: types.SizesFor("gc", arch), done: map[string]*types.Package{"unsafe": types.Unsafe}}
			for _, p := range list { // dependencies come first
				check.add(p)
			}
			for _, err := range check.errs {
				t.Error(err)
			}
			if long {
				build(t, env, list)
			}
		})
	}
}

// A package that does not build for its target is found: here one whose constant
// overflows 32 bits, and one that calls what another system has.
func TestCrossCheckFindsFaults(t *testing.T) {
	for name, body := range map[string]string{
		"overflows": "var x int = 1 << 40\n",
		"undefined": "import \"syscall\"\nvar x = syscall.NoSuchCall\n",
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "x.go"), "package x\n"+body)
		env := append(os.Environ(), "GOOS=linux", "GOARCH=386", "CGO_ENABLED=0")
		check := &checker{
			parsed: &parsedFiles{fset: token.NewFileSet(), files: map[string]*ast.File{}},
			sizes:  types.SizesFor("gc", "386"), done: map[string]*types.Package{"unsafe": types.Unsafe},
		}
		for _, p := range listPackages(t, env, "syscall") {
			check.add(p)
		}
		check.add(listed{ImportPath: module + "/x", Dir: dir, GoFiles: []string{"x.go"}})
		if got := fmt.Sprint(check.errs); !strings.Contains(got, name) {
			t.Errorf("got %s, want an error with %q", got, name)
		}
	}
}

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string // what an import of the sources means, if not itself
	Error           *struct{ Err string }
}

func (p listed) own() bool { return strings.HasPrefix(p.ImportPath, module+"/") }

// listPackages lists packages, by default cmd/pitwall, after their dependencies.
func listPackages(t *testing.T, env []string, paths ...string) (list []listed) {
	t.Helper()
	if len(paths) == 0 {
		paths = []string{"pitwall/cmd/pitwall"}
	}
	cmd := exec.Command("go", append([]string{"list", "-deps", "-e", "-json=ImportPath,Dir,GoFiles,ImportMap,Error"}, paths...)...)
	cmd.Env = env
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Error != nil {
			t.Errorf("%s: %s", p.ImportPath, p.Error.Err)
		}
		list = append(list, p)
	}
}

// build builds cmd/pitwall, and vets its packages of this module without their tests,
// which need servers that run on Linux.
func build(t *testing.T, env []string, list []listed) {
	t.Helper()
	replace, paths := map[string]string{}, []string{}
	for _, p := range list {
		if !p.own() {
			continue
		}
		paths = append(paths, p.ImportPath)
		tests, _ := filepath.Glob(filepath.Join(p.Dir, "*_test.go"))
		for _, file := range tests {
			replace[file] = "" // removed
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, filepath.Join(t.TempDir(), "overlay.json"), string(overlay))
	for _, args := range [][]string{
		{"build", "-o", os.DevNull, "pitwall/cmd/pitwall"},
		append([]string{"vet", "-overlay=" + file}, paths...),
	} {
		cmd := exec.Command("go", args...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", args[0], err, out)
		}
	}
}

// parsedFiles keeps what is parsed: most files belong to several targets.
type parsedFiles struct {
	fset  *token.FileSet
	files map[string]*ast.File
}

func (f *parsedFiles) parse(path string) (*ast.File, error) {
	if file := f.files[path]; file != nil {
		return file, nil
	}
	file, err := parser.ParseFile(f.fset, path, nil, parser.SkipObjectResolution)
	f.files[path] = file
	return file, err
}

// checker type-checks packages in the order of their dependencies. Of packages that are
// not ours it checks only the declarations.
type checker struct {
	parsed *parsedFiles
	sizes  types.Sizes
	done   map[string]*types.Package
	errs   []error // of our packages
}

func (c *checker) add(p listed) {
	if p.ImportPath == "unsafe" {
		return
	}
	var files []*ast.File
	for _, name := range p.GoFiles {
		file, err := c.parsed.parse(filepath.Join(p.Dir, name))
		if err != nil {
			c.errs = append(c.errs, err)
			continue
		}
		files = append(files, file)
	}
	conf := types.Config{
		Importer: importer{c.done, p.ImportMap}, Sizes: c.sizes, IgnoreFuncBodies: !p.own(), FakeImportC: true,
		Error: func(err error) {
			if p.own() {
				c.errs = append(c.errs, err)
			}
		},
	}
	c.done[p.ImportPath], _ = conf.Check(p.ImportPath, c.parsed.fset, files, nil) // Error has them all
}

type importer struct {
	done map[string]*types.Package
	of   map[string]string
}

func (i importer) Import(path string) (*types.Package, error) {
	if other, ok := i.of[path]; ok {
		path = other
	}
	if p := i.done[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no package %s for this target", path)
}
