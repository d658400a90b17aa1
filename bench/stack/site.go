package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pitwall/bench/baseline"
	"pitwall/bench/internal/gauge"
	"pitwall/engine/servers"
)

// readyWithin bounds the start of an engine.
const readyWithin = time.Minute

// Options say what is put up.
type Options struct {
	Postgres bool     // a PostgreSQL; otherwise the engine has its embedded database
	Archive  bool     // the engine writes positions to the database
	Engines  int      // processes
	Args     []string // further flags of pitwall serve; they win
	Roster   []Entry
	Binary   string            // the program, where it was built before
	Files    map[string][]byte // by name, in the folder that the engines are started in

	// Peer is another server that takes Pitwall's place, with its command line: see
	// bench/peers, and baseline.Kinds. It knows no roster and keeps nothing.
	Peer     string
	PeerArgs []string
}

// Entry says that a device takes part in an event.
type Entry struct{ Event, Entry, Device string }

// Site is what a run is made against.
type Site struct {
	RedisURL string
	Engines  []*Engine
	Dir      string // for files of the run; gone after Close

	opt      Options
	bin      string
	starts   int // of engines
	redis    *servers.Redis
	postgres *servers.Cluster
}

// Start builds and starts everything. What was started before an error, or
// before the end of ctx, is stopped again.
func Start(ctx context.Context, o Options) (_ *Site, err error) {
	dir, err := os.MkdirTemp("", "pitwall-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s := &Site{opt: o, Dir: dir, bin: o.Binary}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.bin == "" {
		s.bin = filepath.Join(dir, "pitwall")
		if err := s.build(ctx); err != nil {
			return nil, err
		}
	}
	// A client that is slow to take its replies must not be cut off by a limit.
	if s.redis, err = servers.StartRedis(dir, "--client-output-buffer-limit", "normal 0 0 0"); err != nil {
		return nil, err
	}
	s.RedisURL = s.redis.URL()
	if o.Postgres {
		if err := s.startPostgres(ctx); err != nil {
			return nil, err
		}
	}
	if o.Peer == "" {
		if err := s.Import(ctx, o.Roster); err != nil {
			return nil, err
		}
	}
	for name, b := range o.Files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return nil, fmt.Errorf("write a file for the engines: %w", err)
		}
	}
	for i := range o.Engines {
		e, err := s.startEngine(ctx, i)
		if err != nil {
			return nil, err
		}
		s.Engines = append(s.Engines, e)
	}
	return s, nil
}

// build builds what is to be measured.
func (s *Site) build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", s.bin, "pitwall/cmd/pitwall")
	switch {
	case slices.Contains(baseline.Kinds, s.opt.Peer):
		cmd = exec.CommandContext(ctx, "go", "build", "-o", s.bin, "pitwall/bench")
	case s.opt.Peer != "":
		out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "pitwall").Output()
		if err != nil {
			return fmt.Errorf("find the source tree (run bench from it): %w", err)
		}
		cmd = exec.CommandContext(ctx, "go", "build", "-o", s.bin, ".")
		cmd.Dir = filepath.Join(strings.TrimSpace(string(out)), "bench", "peers")
	}
	// An interrupted build leaves its compilers running and their folder behind.
	cmd.Env = append(os.Environ(), "GOTMPDIR="+s.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("build what is to be measured (run bench from its source tree): %w\n%s", err, out)
	}
	return nil
}

// Running is an installation that runs already: the URL of its spectators'
// listener (ws://host:port/live), its Redis, and its private listener, which
// may be left out. pid is its process, 0 when that is not on this machine.
func Running(ctx context.Context, target, redisURL, ops string, pid int) (*Site, error) {
	host, path, err := ParseTarget(target)
	if err != nil {
		return nil, err
	}
	if ops != "" {
		if _, err := gauge.Scrape(ctx, ops); err != nil {
			return nil, fmt.Errorf("--ops is %s, which is no private listener of a Pitwall: %w", ops, err)
		}
	}
	dir, err := os.MkdirTemp("", "pitwall-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	return &Site{RedisURL: redisURL, Dir: dir, Engines: []*Engine{{Addr: host, Path: path, Ops: ops, PID: pid}}}, nil
}

// ParseTarget takes the URL of a spectators' listener apart.
func ParseTarget(target string) (addr, path string, err error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "ws" || u.Host == "" {
		return "", "", fmt.Errorf("--target is %q, wanted is ws://host:port/live", target)
	}
	addr, path = u.Host, u.RequestURI()
	if u.Port() == "" {
		addr += ":80"
	}
	if path == "/" {
		path = "/live"
	}
	return addr, path, nil
}

// Own reports whether the site was started by us.
func (s *Site) Own() bool { return s.redis != nil }

// Binary is the program that was built.
func (s *Site) Binary() string { return s.bin }

// RedisAddr is host:port of our own Redis.
func (s *Site) RedisAddr() string { return s.redis.Addr() }

// RedisPID is the process of our own Redis, 0 when it is somebody else's.
func (s *Site) RedisPID() int {
	if s.redis == nil {
		return 0
	}
	return s.redis.PID()
}

// PostgresPID is the process of our own PostgreSQL, 0 without one.
func (s *Site) PostgresPID() int {
	if s.postgres == nil {
		return 0
	}
	return s.postgres.PID()
}

func (s *Site) startPostgres(ctx context.Context) error {
	var err error
	if s.postgres, err = servers.NewCluster(); err != nil {
		return err
	}
	if _, err := s.postgres.Query(s.postgres.URL("postgres"), "CREATE DATABASE bench"); err != nil {
		return fmt.Errorf("create a database: %w", err)
	}
	return s.pitwall(ctx, "migrate")
}

// database is the flags that name the database.
func (s *Site) database() []string {
	if s.postgres != nil {
		return []string{"--database-url=" + s.postgres.URL("bench")}
	}
	return []string{"--data-dir=" + filepath.Join(s.Dir, "data")}
}

// Rows is how many positions the table of our own PostgreSQL has, and how many
// bytes they take on disk, index included.
func (s *Site) Rows() (rows, size int64, err error) {
	text, err := s.postgres.Query(s.postgres.URL("bench"), `SELECT count(*) || ' ' || coalesce(
		(SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('positions')), pg_total_relation_size('positions')) FROM positions`)
	if err == nil {
		_, err = fmt.Sscan(text, &rows, &size)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("count the rows: %w", err)
	}
	return rows, size, nil
}

// pitwall runs one of the program's short commands.
func (s *Site) pitwall(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, s.bin, append(args, s.database()...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pitwall %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Import puts entries into the roster; an entry that is known moves to its
// event.
func (s *Site) Import(ctx context.Context, roster []Entry) error {
	var b bytes.Buffer
	b.WriteString("event_id,entry_id,device_id\n")
	for _, e := range roster {
		fmt.Fprintf(&b, "%s,%s,%s\n", e.Event, e.Entry, e.Device)
	}
	file := filepath.Join(s.Dir, "roster.csv")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the roster: %w", err)
	}
	return s.pitwall(ctx, "roster", "import", file)
}

// Log is what the engines have logged, less the usual.
func (s *Site) Log() (lines []string) {
	logs, _ := filepath.Glob(filepath.Join(s.Dir, "pitwall-*.log"))
	for _, name := range logs {
		b, _ := os.ReadFile(name)
		for line := range bytes.Lines(b) {
			if !bytes.Contains(line, []byte(`"level":"INFO"`)) && bytes.HasPrefix(line, []byte("{")) {
				lines = append(lines, strings.TrimSpace(string(line)))
			}
		}
	}
	return lines
}

// Close stops what Start has started, the engines first, and removes the
// folder. Calling it twice is no error.
func (s *Site) Close() error {
	var errs []error
	for _, e := range s.Engines {
		errs = append(errs, e.proc.End(syscall.SIGTERM))
	}
	if s.redis != nil {
		errs = append(errs, s.redis.End(syscall.SIGTERM))
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Remove())
	}
	return errors.Join(append(slices.Clip(errs), os.RemoveAll(s.Dir))...)
}
