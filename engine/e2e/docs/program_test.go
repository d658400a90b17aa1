package docs

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"pitwall/engine/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// build builds one of the module's programs.
func build(t *testing.T, folder string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), filepath.Base(folder))
	cmd := exec.Command("go", "build", "-o", program, "./"+folder)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", folder, err, out)
	}
	return program
}

// addresses are those that serve prints when it is ready.
type addresses struct{ live, metrics, redis string }

var printed = map[string]*regexp.Regexp{
	"live":    regexp.MustCompile(`ws://(\S+)/live`),
	"metrics": regexp.MustCompile(`http://(\S+)/metrics`),
	"redis":   regexp.MustCompile(`embedded, on ([^;]+);`),
}

// serve runs pitwall serve in a folder until the test ends.
func serve(t *testing.T, program, folder string, flags ...string) addresses {
	t.Helper()
	cmd := exec.Command(program, append([]string{"serve", "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0",
		"--embedded-redis-addr=127.0.0.1:0", "--live-drain-ms=50"}, flags...)...)
	cmd.Dir, cmd.Env = folder, []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	found, ended := make(chan addresses, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the process is killed when the thread that started it ends
		defer runtime.UnlockOSThread()
		defer close(ended)
		if err := cmd.Start(); err != nil {
			return
		}
		found <- readAddresses(bufio.NewScanner(out))
		_, _ = out.Read(make([]byte, 1)) // until it ends
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
		<-ended
	})
	select {
	case a := <-found:
		if a.live == "" || a.metrics == "" || a.redis == "" {
			t.Fatalf("serve printed not all of its addresses: %+v\n%s", a, log.String())
		}
		return a
	case <-ended:
		t.Fatalf("serve ended with %v:\n%s", cmd.ProcessState, log.String())
	}
	return addresses{}
}

// readAddresses reads what serve prints until it has all addresses.
func readAddresses(lines *bufio.Scanner) (a addresses) {
	for lines.Scan() {
		for name, field := range map[string]*string{"live": &a.live, "metrics": &a.metrics, "redis": &a.redis} {
			if m := printed[name].FindStringSubmatch(lines.Text()); m != nil {
				*field = m[1]
			}
		}
		if a.live != "" && a.metrics != "" && a.redis != "" {
			break
		}
	}
	return a
}
