package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/servers"
)

// folder is where the files are, seen from this package.
const folder = "../../../cmd/pitwall/deploy/"

// shipped returns one of the files.
func shipped(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(folder + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// adapted returns one of the files with other addresses and paths: pairs of what is there
// and what takes its place.
func adapted(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	text := shipped(t, name)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s has no %q", name, pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// write writes a file and returns its path.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// builds is the binary of the image, which is built once.
var builds struct {
	sync.Mutex
	dir string
}

// imageBinary builds the binary with the line of the Dockerfile and returns its path.
func imageBinary(t *testing.T) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	path := filepath.Join(builds.dir, "pitwall")
	if builds.dir != "" {
		return path
	}
	line := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .*) -o /out/pitwall \./cmd/pitwall$`).FindStringSubmatch(shipped(t, "Dockerfile"))
	if line == nil {
		t.Fatal("the Dockerfile does not build a static binary")
	}
	dir, err := os.MkdirTemp("", "pitwall-image-")
	if err != nil {
		t.Fatal(err)
	}
	builds.dir = dir
	path = filepath.Join(dir, "pitwall")
	cmd := exec.Command("sh", "-c", line[1]+" -o "+path+" pitwall/cmd/pitwall")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line[1], err, out)
	}
	return path
}

// run starts a command that is killed with the test.
func run(t *testing.T, cmd *exec.Cmd) *servers.Process {
	t.Helper()
	p, err := servers.StartProcess(cmd, filepath.Join(t.TempDir(), "output"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.End(syscall.SIGKILL) // may have ended before
		if t.Failed() {
			t.Logf("%s:\n%s", cmd.Path, p.Output())
		}
	})
	return p
}

var addressInLog = regexp.MustCompile(`"msg":"ready"(?:.*"http":"([^"]+)")?.*"ops":"([^"]+)"`)

// awaitServing waits until a process of Pitwall with LOG_FORMAT=json serves, and returns
// its addresses.
func awaitServing(t *testing.T, p *servers.Process) (at e2etest.Addrs) {
	t.Helper()
	err := p.WaitReady(e2etest.Patience, func() bool {
		if m := addressInLog.FindStringSubmatch(p.Output()); m != nil {
			at = e2etest.Addrs{HTTP: m[1], Ops: m[2]}
		}
		return at.Ops != ""
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}
