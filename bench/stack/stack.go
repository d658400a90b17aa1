package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pitwall/bench/baseline"
	"pitwall/bench/internal/relay"
	"pitwall/engine/e2e/servers"
)

// readyWithin is the most time that the start of an engine may take.
const readyWithin = time.Minute

// Options say what is started.
type Options struct {
	Postgres bool     // start PostgreSQL; otherwise the engine uses its embedded database
	Archive  bool     // the first engine writes positions to the database
	Engines  int      // number of processes
	Args     []string // more flags of pitwall serve; they override others
	Roster   []Entry
	Binaries *Binaries         // where programs are built; may be shared with other stacks
	Files    map[string][]byte // by name, for the folder in which the engines are started

	// Peer is another server in Pitwall's place: one of bench/peers or of
	// baseline.Kinds. It has no roster and stores nothing.
	Peer     string
	PeerArgs []string
}

// Entry is an entry of the roster.
type Entry struct{ Event, Entry, Device string }

// Stack is the servers of a run.
type Stack struct {
	RedisURL string
	Engines  []*Engine
	Host     string // that clients ask an installation for; "": the address of the engine
	Dir      string // for files of the run, "" for an installation that runs already; Close removes it

	opt      Options
	binary   string // of the engines
	starts   int    // of engines so far
	redis    *servers.Redis
	postgres *servers.Cluster
	relay    *relay.Relay // to an installation at wss://; nil for none
}

// Start builds and starts everything. After an error, or if ctx ends, it stops what
// it has started.
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
	// Redis must not disconnect a client that reads its replies slowly.
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
	for range o.Engines {
		if _, err := s.Add(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// findBinary finds the program to measure. A server of bench/baseline is this
// program in another role.
func (s *Stack) findBinary(ctx context.Context) (err error) {
	if s.baseline() {
		if s.binary, err = os.Executable(); err != nil {
			return fmt.Errorf("find the program of the harness: %w", err)
		}
		return nil
	}
	s.binary, err = s.opt.Binaries.build(ctx, s.opt.Peer)
	return err
}

// baseline reports whether a server of bench/baseline is in Pitwall's place.
func (s *Stack) baseline() bool { return slices.Contains(baseline.Kinds, s.opt.Peer) }

// Own reports whether the stack was started by Start.
func (s *Stack) Own() bool { return s.redis != nil }

// RedisAddr is host:port of the stack's own Redis.
func (s *Stack) RedisAddr() string { return s.redis.Addr() }

// RedisConn is a connection to the stack's own Redis, for one command at a time.
type RedisConn = servers.Conn

// ReplyError is an error reply of Redis within a transaction.
type ReplyError = servers.ReplyError

// Dial connects to the stack's own Redis. The caller closes the connection.
func (s *Stack) Dial() (*RedisConn, error) { return servers.Dial(s.redis.Addr()) }

// RedisPID is the process of the stack's own Redis, 0 if it has none.
func (s *Stack) RedisPID() int {
	if s.redis == nil {
		return 0
	}
	return s.redis.PID()
}

// PostgresPID is the process of the stack's own PostgreSQL, 0 if it has none.
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

// database are the flags that name the database.
func (s *Stack) database() []string {
	if s.postgres != nil {
		return []string{"--database-url=" + s.postgres.URL("bench")}
	}
	return []string{"--data-dir=" + filepath.Join(s.Dir, "data")}
}

// Rows is the number of positions in the table of the stack's own PostgreSQL, and
// their size on disk in bytes, with the index.
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

// pitwall runs a short command of Pitwall.
func (s *Stack) pitwall(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, s.binary, append(args, s.database()...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pitwall %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Import adds entries to the roster. An entry that exists moves to its new event.
func (s *Stack) Import(ctx context.Context, roster []Entry) error {
	file := filepath.Join(s.Dir, "roster.csv")
	if err := WriteRoster(file, roster); err != nil {
		return err
	}
	return s.pitwall(ctx, "roster", "import", file)
}

// WriteRoster writes a roster in the format of pitwall roster import.
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

// Log returns the log lines of the engines that are not of level INFO.
func (s *Stack) Log() (lines []string) {
	if !s.Own() {
		return nil
	}
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

// Close stops what Start has started, the engines first, and removes the folder. It
// may be called twice.
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
	if s.relay != nil {
		errs = append(errs, s.relay.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.Dir))...)
}
