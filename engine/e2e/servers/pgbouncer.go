package servers

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bouncerReadyWithin bounds the start of PgBouncer.
const bouncerReadyWithin = 20 * time.Second

// Bouncer is a PgBouncer in transaction mode in front of a Cluster. A few
// sessions serve all clients, so that no two transactions of one can count on
// the same.
type Bouncer struct {
	dir  string
	port int
	proc *Process
}

// Bounce starts a PgBouncer in front of the cluster, with a number of sessions
// for each database. Each alias is one more database, with sessions of its own:
// its value says where it is, as "host=… port=… dbname=…".
func (c *Cluster) Bounce(sessions int, aliases map[string]string) (*Bouncer, error) {
	bin, err := bouncerBin()
	if err != nil {
		return nil, err
	}
	b := &Bouncer{}
	// Within the cluster's folder, which belongs to the user that it runs as.
	if b.dir, err = os.MkdirTemp(c.dir, "pgbouncer-"); err != nil {
		return nil, fmt.Errorf("make PgBouncer's folder: %w", err)
	}
	err = OnFreePort(func(port int) error {
		b.port = port
		if b.proc, err = c.startBouncer(bin, b.dir, port, sessions, aliases); err != nil {
			return err
		}
		return b.proc.WaitReady(bouncerReadyWithin, func() bool {
			_, err := c.Query(b.URL(c.URL("postgres")), "SELECT 1")
			return err == nil
		})
	})
	if err != nil {
		return nil, errors.Join(err, b.End())
	}
	return b, nil
}

// URL is a database of the cluster as it is reached through b.
func (b *Bouncer) URL(database string) string {
	u, err := url.Parse(database)
	if err != nil {
		return database // not one of the cluster's
	}
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port))
	return u.String()
}

// End stops it and deletes its folder.
func (b *Bouncer) End() error {
	return errors.Join(b.proc.End(syscall.SIGINT), os.RemoveAll(b.dir))
}

// startBouncer writes the configuration and starts the process.
func (c *Cluster) startBouncer(bin, dir string, port, sessions int, aliases map[string]string) (*Process, error) {
	var more strings.Builder
	for alias, where := range aliases {
		fmt.Fprintf(&more, "%s = %s\n", alias, where)
	}
	users, config := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
%s* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = %d
`, more.String(), c.port, port, users, sessions)
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
	return StartProcess(cmd, log, syscall.SIGKILL)
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
	return "", errors.New("pgbouncer is not installed: run 'make test', or apt-get install pgbouncer")
}
