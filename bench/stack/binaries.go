package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// module is the path of the module (make module rewrites it).
const module = "pitwall"

// Built is the path of a Pitwall that is built already. If it is "", Binaries builds
// one. It is for tests, which set it before the first Start.
var Built string

// Binaries builds programs from the source tree, each once, and keeps them until
// Close. The zero value is ready to use, by one goroutine at a time.
type Binaries struct {
	dir   string
	built map[string]string // paths; "" is Pitwall, "peers" the program of bench/peers
}

// Close removes the programs.
func (b *Binaries) Close() error { return os.RemoveAll(b.dir) }

// build returns the path of Pitwall, or of the program that serves a peer.
func (b *Binaries) build(ctx context.Context, peer string) (path string, err error) {
	if peer == "" && Built != "" {
		return Built, nil
	}
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "pitwall-bench-"); err != nil {
			return "", fmt.Errorf("make a folder: %w", err)
		}
		b.built = map[string]string{}
	}
	target, dir := "pitwall/cmd/pitwall", ""
	if peer != "" {
		out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			return "", fmt.Errorf("find the source tree (run bench from it): %w", errors.Join(err, ctx.Err()))
		}
		target, dir, peer = ".", filepath.Join(strings.TrimSpace(string(out)), "bench", "peers"), "peers"
	}
	if path := b.built[peer]; path != "" {
		return path, nil
	}
	path = filepath.Join(b.dir, filepath.Base(target)+peer)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, target)
	cmd.Dir = dir
	// Otherwise the compilers and their folder would survive an interrupted build.
	cmd.Env = append(os.Environ(), "GOTMPDIR="+b.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("build the server to measure (run bench from its source tree): %w\n%s", err, out)
	}
	b.built[peer] = path
	return path, nil
}
