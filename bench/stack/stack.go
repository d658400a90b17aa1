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
	"pitwall/engine/e2e/servers"
)

// readyWithin bounds the start of an engine.
const readyWithin = time.Minute

// Options say what is started.
type Options struct {
	Postgres bool     // a PostgreSQL; otherwise the engine has its embedded database
	Archive  bool     // the engine writes positions to the database
	Engines  int      // processes
	Args     []string // further flags of pitwall serve; they win
	Roster   []Entry
	Binaries *Binaries         // shared with other stacks; nil: the stack builds its own
	Files    map[string][]byte // by name, in the folder that the engines are started in

	// Peer is another server that takes Pitwall's place, with its flags: see
	// bench/peers, and baseline.Kinds. It knows no roster and keeps nothing.
	Peer     string
	PeerArgs []string
}

// Entry says that a device takes part in an event.
type Entry struct{ Event, Entry, Device string }

// Stack is the servers that a run is made against.
type Stack struct {
	RedisURL string
	Engines  []*Engine
	Dir      string // for files of the run; gone after Close

	opt      Options
	binary   string   // of the engines
	own      Binaries // where none are shared
	starts   int      // of engines
	redis    *servers.Redis
	postgres *servers.Cluster
}

// Start builds and starts everything. What was started before an error, or
// before the end of ctx, is stopped again.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	dir, err := os.MkdirTemp("", "pitwall-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s := &Stack{opt: o, Dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.findBinary(ctx); err != nil {
		return nil, err
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

// findBinary finds what is to be measured. Servers of bench/baseline are this
// program in another role.
func (s *Stack) findBinary(ctx context.Context) (err error) {
	if s.baseline() {
		if s.binary, err = os.Executable(); err != nil {
			return fmt.Errorf("find the harness' own program: %w", err)
		}
		return nil
	}
	from := s.opt.Binaries
	if from == nil {
		from = &s.own
	}
	s.binary, err = from.build(ctx, s.opt.Peer)
	return err
}

// baseline reports whether a server of bench/baseline takes Pitwall's place.
func (s *Stack) baseline() bool { return slices.Contains(baseline.Kinds, s.opt.Peer) }

// Running is an installation that runs already: the URL of its spectators'
// listener (ws://host:port/live), its Redis, and its private listener, which
// may be left out. pid is its process, 0 when that is not on this machine.
func Running(ctx context.Context, target, redisURL, ops string, pid int) (*Stack, error) {
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
	return &Stack{RedisURL: redisURL, Dir: dir, Engines: []*Engine{{Addr: host, Path: path, Ops: ops, PID: pid}}}, nil
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

// Own reports whether Start has started the stack.
func (s *Stack) Own() bool { return s.redis != nil }

// RedisAddr is host:port of our own Redis.
func (s *Stack) RedisAddr() string { return s.redis.Addr() }

// RedisConn is a connection to our own Redis, for commands one by one.
type RedisConn = servers.Conn

// ReplyError is an error that Redis replies within a transaction.
type ReplyError = servers.ReplyError

// Dial connects to our own Redis. The caller closes the connection.
func (s *Stack) Dial() (*RedisConn, error) {
	c, err := servers.Dial(s.redis.Addr())
	if err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	return c, nil
}

// RedisPID is the process of our own Redis, 0 when it is not ours.
func (s *Stack) RedisPID() int {
	if s.redis == nil {
		return 0
	}
	return s.redis.PID()
}

// PostgresPID is the process of our own PostgreSQL, 0 without one.
func (s *Stack) PostgresPID() int {
	if s.postgres == nil {
		return 0
	}
	return s.postgres.PID()
}

func (s *Stack) startPostgres(ctx context.Context) error {
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
func (s *Stack) database() []string {
	if s.postgres != nil {
		return []string{"--database-url=" + s.postgres.URL("bench")}
	}
	return []string{"--data-dir=" + filepath.Join(s.Dir, "data")}
}

// Rows is how many positions the table of our own PostgreSQL has, and how many
// bytes they take on disk with their index.
func (s *Stack) Rows() (rows, size int64, err error) {
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
func (s *Stack) pitwall(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, s.binary, append(args, s.database()...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pitwall %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Import puts entries into the roster; an entry that is known moves to its
// event.
func (s *Stack) Import(ctx context.Context, roster []Entry) error {
	file := filepath.Join(s.Dir, "roster.csv")
	if err := WriteRoster(file, roster); err != nil {
		return err
	}
	return s.pitwall(ctx, "roster", "import", file)
}

// WriteRoster writes a roster as pitwall roster import reads it.
func WriteRoster(file string, roster []Entry) error {
	var b bytes.Buffer
	b.WriteString("event_id,entry_id,device_id\n")
	for _, e := range roster {
		fmt.Fprintf(&b, "%s,%s,%s\n", e.Event, e.Entry, e.Device)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the roster: %w", err)
	}
	return nil
}

// Log is what the engines have logged, except for what is usual.
func (s *Stack) Log() (lines []string) {
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
func (s *Stack) Close() error {
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
	return errors.Join(append(slices.Clip(errs), s.own.Close(), os.RemoveAll(s.Dir))...)
}
