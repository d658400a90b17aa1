package servers

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Bouncer is a PgBouncer in transaction mode in front of a Cluster. A few sessions
// serve all clients, so two transactions of one client may run on different ones.
type Bouncer struct {
	server
	dir string
}

// Bounce starts a PgBouncer in front of the cluster, with a number of sessions
// for each database. Each alias is one more database, with sessions of its own:
// its value is its place, as "host=… port=… dbname=…".
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
		cmd, err := c.bouncerCommand(bin, b, sessions, aliases)
		if err != nil {
			return err
		}
		return b.run(cmd, b.dir, syscall.SIGKILL, func(int) bool {
			_, err := c.Query(b.URL(c.URL("postgres")), "SELECT 1")
			return err == nil
		})
	})
	if err != nil {
		return nil, errors.Join(err, b.Remove())
	}
	return b, nil
}

// URL converts the URL of a database of the cluster to the URL through b.
func (b *Bouncer) URL(database string) string {
	u, err := url.Parse(database)
	if err != nil {
		return database // not one of the cluster's
	}
	u.Host = b.Addr()
	return u.String()
}

// Remove ends it and deletes its folder.
func (b *Bouncer) Remove() error {
	return errors.Join(b.End(syscall.SIGINT), os.RemoveAll(b.dir))
}

// bouncerCommand writes the configuration and prepares the command.
func (c *Cluster) bouncerCommand(bin string, b *Bouncer, sessions int, aliases map[string]string) (*exec.Cmd, error) {
	var more strings.Builder
	for alias, where := range aliases {
		fmt.Fprintf(&more, "%s = %s\n", alias, where)
	}
	users, config := filepath.Join(b.dir, "users.txt"), filepath.Join(b.dir, "pgbouncer.ini")
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
`, more.String(), c.port, b.port, users, sessions)
	for path, content := range map[string]string{users: strconv.Quote(superuser) + " \"\"\n", config: text} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.Command(bin, config)
	cmd.Dir, cmd.Env = c.dir, cleanEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred}
	return cmd, nil
}

// bouncerBin finds the program, which Debian puts into a folder that only root has in
// PATH.
func bouncerBin() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("pgbouncer is not installed: run 'make test', or apt-get install pgbouncer")
}
