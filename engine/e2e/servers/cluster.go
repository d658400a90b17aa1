package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// clusterPrefix begins the names of all cluster folders.
	clusterPrefix = "pitwall-postgres-"
	// superuser is that of every database URL.
	superuser = "pitwall"
	// Password is the one in every database URL.
	Password = "not-to-be-printed"
)

// Cluster is a PostgreSQL server of the process's own, with its folder.
type Cluster struct {
	server
	bin  string   // folder of initdb, postgres and pg_basebackup
	dir  string   // holds data, sockets and logs
	lock *os.File // held while the owner lives, see sweep
	cred *syscall.Credential
}

// NewCluster makes the folder with the data that initdb makes, and starts the server.
func NewCluster() (*Cluster, error) { return newCluster((*Cluster).initdb) }

// NewStandby copies the cluster, which must run, and starts a server that
// follows it. Its application_name is "standby".
func (c *Cluster) NewStandby() (*Cluster, error) {
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=%s application_name=standby", c.port, superuser)
	return newCluster(func(standby *Cluster) error {
		return standby.fill("pg_basebackup", "--no-sync", "--checkpoint=fast", "--write-recovery-conf", "--dbname="+from)
	})
}

// newCluster makes a cluster whose data folder data makes.
func newCluster(data func(*Cluster) error) (*Cluster, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	sweep(os.TempDir())
	c := &Cluster{bin: bin}
	err = c.create()
	if err == nil {
		err = data(c)
	}
	if err != nil {
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

// create makes the folder of the cluster.
func (c *Cluster) create() error {
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
	return nil
}

// fill runs a program of PostgreSQL that makes the data folder.
func (c *Cluster) fill(program string, args ...string) error {
	return c.Program(program, append(args, "--pgdata="+c.data())...)
}

// Program runs one of PostgreSQL's programs to its end, as the server's user and in the
// cluster's folder. The error has its output.
func (c *Cluster) Program(name string, args ...string) error {
	if out, err := c.command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// Dir is the cluster's folder, with the server's unix socket.
func (c *Cluster) Dir() string { return c.dir }

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
	cmd := c.command("postgres", "-D", c.data(), "-p", strconv.Itoa(c.port), "-k", c.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200")
	// SIGQUIT is PostgreSQL's immediate shutdown, which ends its children too.
	return c.run(cmd, c.dir, syscall.SIGQUIT, c.ready)
}

// ready reads what pg_ctl reads: line 1 of the server's lock file is its process
// id, line 8 its state.
func (c *Cluster) ready(pid int) bool {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	return err == nil && len(lines) >= 8 && lines[0] == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
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

// URL names a database of the cluster, over TCP.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", superuser, Password, c.Addr(), database)
}

// postgresBin finds the folder of PostgreSQL's programs: in PATH, otherwise where
// Debian puts them, the highest version first.
func postgresBin() (string, error) {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(debian, func(a, b string) int { return postgresMajor(b) - postgresMajor(a) })
	for _, dir := range append(dirs, debian...) {
		has := func(program string) bool {
			_, err := exec.LookPath(filepath.Join(dir, program))
			return err == nil
		}
		if has("initdb") && has("postgres") && has("pg_basebackup") {
			return dir, nil
		}
	}
	return "", errors.New("PostgreSQL is not installed: run 'make test', or apt-get install postgresql")
}

func postgresMajor(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// unprivileged returns the user that owns the cluster of a process that is root.
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

// sweep deletes the cluster folders under tmp whose owner was killed: nobody holds
// their lock. A folder that was just made may not be locked yet.
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
