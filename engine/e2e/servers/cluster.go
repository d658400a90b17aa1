package servers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// ClusterReadyWithin bounds the start of PostgreSQL, recovery included.
	ClusterReadyWithin = 60 * time.Second
	// clusterPrefix begins the names of all cluster folders.
	clusterPrefix = "pitwall-postgres-"
	// superuser is that of every database URL.
	superuser = "pitwall"
	// Password is the one in every database URL.
	Password = "not-to-be-printed"
)

// Cluster is a PostgreSQL server of the process's own: the folder, the
// port and the running process.
type Cluster struct {
	bin  string   // folder of initdb, postgres and psql
	dir  string   // holds data, sockets and logs
	lock *os.File // held while the owner lives, see sweep
	cred *syscall.Credential
	port int

	mu   sync.Mutex // guards proc
	proc *Process
}

// NewCluster makes the folder, runs initdb and starts the server.
func NewCluster() (*Cluster, error) {
	// --no-sync: only initdb itself does without fsync, the server has it on.
	return newCluster("initdb", "--no-sync", "--no-locale", "--encoding=UTF8",
		"--auth=trust", "--username="+superuser)
}

// NewStandby copies the cluster, which must run, and starts a server that
// follows it. Its application_name is "standby".
func (c *Cluster) NewStandby() (*Cluster, error) {
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=%s application_name=standby", c.port, superuser)
	return newCluster("pg_basebackup", "--no-sync", "--checkpoint=fast", "--write-recovery-conf", "--dbname="+from)
}

// newCluster makes a cluster with a program that fills its data folder.
func newCluster(program string, args ...string) (*Cluster, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	sweep(os.TempDir())
	c := &Cluster{bin: bin}
	if err := c.create(program, args...); err != nil {
		return nil, errors.Join(err, c.Remove())
	}
	err = OnFreePort(func(port int) error {
		c.port = port
		return c.Start()
	})
	if err != nil {
		return nil, errors.Join(err, c.Remove())
	}
	return c, nil
}

func (c *Cluster) create(program string, args ...string) error {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		var err error
		if uid, gid, err = unprivileged(); err != nil {
			return err
		}
		c.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	var err error
	if c.dir, err = os.MkdirTemp("", clusterPrefix); err != nil {
		return fmt.Errorf("make cluster folder: %w", err)
	}
	if c.lock, err = lockFile(filepath.Join(c.dir, "lock")); err != nil {
		return fmt.Errorf("lock cluster folder: %w", err)
	}
	if err := os.Chown(c.dir, uid, gid); err != nil {
		return fmt.Errorf("hand cluster folder to the server's user: %w", err)
	}
	cmd := c.command(program, append(args, "--pgdata="+c.data())...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// Dir is the cluster's folder, with the server's unix socket.
func (c *Cluster) Dir() string { return c.dir }

// PID is the process id of the server, 0 before it was started.
func (c *Cluster) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proc.PID()
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// command prepares one of PostgreSQL's programs to run as the server's user.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	cmd.Env = cleanEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred}
	return cmd
}

// Start starts the server, if it does not run, and waits until it takes
// connections.
func (c *Cluster) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc.Running() {
		return nil
	}
	cmd := c.command("postgres", "-D", c.data(), "-p", strconv.Itoa(c.port), "-k", c.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200")
	// Each attempt writes a log of its own, so that PortTaken reads no old one.
	log := filepath.Join(c.dir, fmt.Sprintf("log-%d", time.Now().UnixNano()))
	// SIGQUIT is PostgreSQL's immediate shutdown, which ends the children too.
	p, err := StartProcess(cmd, log, syscall.SIGQUIT)
	if err != nil {
		return err
	}
	c.proc = p
	return p.WaitReady(ClusterReadyWithin, c.ready)
}

// ready reads what pg_ctl reads: the lock file of the server names its
// process id on line 1 and its state on line 8.
func (c *Cluster) ready() bool {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	return len(lines) >= 8 && lines[0] == strconv.Itoa(c.proc.PID()) &&
		strings.TrimSpace(lines[7]) == "ready"
}

// End sends sig and waits until the server is gone.
func (c *Cluster) End(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proc.End(sig)
}

// Remove ends the server and deletes its folder.
func (c *Cluster) Remove() error {
	err := c.End(syscall.SIGQUIT)
	if c.dir != "" {
		err = errors.Join(err, os.RemoveAll(c.dir))
	}
	if c.lock != nil {
		err = errors.Join(err, c.lock.Close())
	}
	return err
}

// Query runs one statement and returns the rows, columns separated by |. Warnings
// of the server are no part of them.
func (c *Cluster) Query(url, sql string) (string, error) {
	cmd := c.command("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, strings.TrimRight(said.String(), "\n"))
	}
	return strings.TrimRight(string(out), "\n"), nil
}

// Addr is the host and port of the server.
func (c *Cluster) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// URL names a database of the cluster, over TCP.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable",
		superuser, Password, c.port, database)
}

// postgresBin finds the folder of PostgreSQL's programs: in PATH, else where
// Debian puts them, the highest version first.
func postgresBin() (string, error) {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(debian, func(a, b string) int { return postgresMajor(b) - postgresMajor(a) })
	for _, dir := range append(dirs, debian...) {
		complete := !slices.ContainsFunc([]string{"initdb", "postgres", "psql"}, func(name string) bool {
			_, err := exec.LookPath(filepath.Join(dir, name))
			return err != nil
		})
		if complete {
			return dir, nil
		}
	}
	return "", errors.New("PostgreSQL is not installed: run 'make test', or apt-get install postgresql")
}

func postgresMajor(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// unprivileged returns the user that owns the cluster when we are root.
func unprivileged() (uid, gid int, err error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		return uid, gid, errors.Join(err1, err2)
	}
	return 0, 0, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// lockFile creates a file and locks it for as long as it stays open.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sweep deletes the cluster folders under tmp whose owner was killed:
// nobody holds their lock any more. A fresh one may not be locked yet.
func sweep(tmp string) {
	locks, _ := filepath.Glob(filepath.Join(tmp, clusterPrefix+"*", "lock"))
	for _, path := range locks {
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if f, err := lockFile(path); err == nil {
			os.RemoveAll(filepath.Dir(path))
			f.Close()
		}
	}
}
