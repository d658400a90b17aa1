package testenv

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// bouncerReadyWithin bounds the start of PgBouncer.
const bouncerReadyWithin = 20 * time.Second

// PgBouncer starts a PgBouncer in transaction mode in front of the server that
// the tests of the binary share, and returns databaseURL as it is reached
// through it. Three sessions serve all clients, so that no two transactions of
// one can count on the same. It is stopped when the test ends.
func PgBouncer(t testing.TB, databaseURL string) string {
	t.Helper()
	bin, err := bouncerBin()
	if err != nil {
		t.Fatal(err)
	}
	server := Postgres(t)
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatalf("pgbouncer: %v", err)
	}
	// Within the cluster's folder, which belongs to the user that it runs as.
	dir, err := os.MkdirTemp(server.c.dir, "pgbouncer-")
	if err != nil {
		t.Fatalf("pgbouncer: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var proc *process
	t.Cleanup(func() {
		if err := proc.end(syscall.SIGINT); err != nil {
			t.Errorf("stop pgbouncer: %v", err)
		}
	})
	err = onFreePort(func(port int) error {
		u.Host = "127.0.0.1:" + strconv.Itoa(port)
		var err error
		proc, err = server.c.bounce(bin, dir, port)
		if err != nil {
			return err
		}
		return proc.waitReady(bouncerReadyWithin, func() bool {
			_, err := server.c.psql(u.String(), "SELECT 1")
			return err == nil
		})
	})
	if err != nil {
		t.Fatalf("pgbouncer: %v", err)
	}
	return u.String()
}

// bounce writes the configuration and starts the process.
func (c *cluster) bounce(bin, dir string, port int) (*process, error) {
	users, config := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 3
`, c.port, port, users)
	for path, content := range map[string]string{users: strconv.Quote(superuser) + " \"\"\n", config: text} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.Command(bin, config)
	cmd.Dir, cmd.Env = c.dir, cleanEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred}
	log := filepath.Join(dir, fmt.Sprintf("log-%d", time.Now().UnixNano()))
	return startProcess(cmd, log, syscall.SIGKILL)
}

// bouncerBin finds the program, which Debian puts where only root looks.
func bouncerBin() (string, error) {
	const place = "/usr/sbin/pgbouncer"
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	if _, err := os.Stat(place); err == nil {
		return place, nil
	}
	return "", fmt.Errorf("pgbouncer is not installed: run 'make test', or apt-get install pgbouncer")
}
