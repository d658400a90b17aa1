package transcripts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/servers"
	"pitwall/engine/internal/testenv"
)

// runner runs one transcript.
type runner struct {
	transcript *transcript
	backends   *e2etest.Backends
	names      names
	log        *e2etest.Log
	update     bool
	server     *e2etest.Engine // nil while none runs
	addrs      e2etest.Addrs   // of the last that ran
	clients    map[string]*client
	redis      *testenv.RedisConn
	platform   *platform // nil until a transcript speaks of it
	added      int       // records added to streams since the engine started
}

// run runs one step, or a group of frames that come in any order.
func (r *runner) run(group []*step) error {
	st := group[0]
	rest := r.names.replace(st.rest)
	switch st.verb {
	case receives:
		return r.receive(group)
	case sends:
		c, err := r.client(st.actor)
		if err != nil {
			return err
		}
		return c.Send(rest)
	case "connect":
		return r.connect(rest)
	case "silence", "close", "closed":
		return r.clientStep(st, rest)
	case "migrate", "roster", "serve", "stop", "stopping", "stopped":
		return r.command(st, rest)
	case "redis":
		return r.redisStep(st, rest)
	case "sql":
		return r.sqlStep(st, rest)
	case "metric":
		return r.metric(rest)
	case "ops":
		return r.get(r.addrs.Ops, st, rest)
	case "http":
		return r.get(r.addrs.HTTP, st, rest)
	case "platform", "keys", "token", "link", "revoke":
		return r.accessStep(st, rest)
	}
	return fmt.Errorf("there is no step %q", st.verb)
}

func (r *runner) client(name string) (*client, error) {
	if c := r.clients[name]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%s is not connected", name)
}

// clientStep runs a step about a client as a whole.
func (r *runner) clientStep(st *step, rest string) error {
	name, code, _ := strings.Cut(rest, " ")
	c, err := r.client(name)
	if err != nil {
		return err
	}
	switch st.verb {
	case "silence":
		return r.silence(c, st.at)
	case "close":
		if err := r.silence(c, st.at); err != nil {
			return err
		}
		delete(r.clients, name)
		c.Close()
		return nil
	}
	delete(r.clients, name)
	defer c.Close()
	return r.closed(c, code, st.at)
}

// finish ends the transcript. No client may have a frame left, and the engine stops
// without an error.
func (r *runner) finish() error {
	for _, name := range slices.Sorted(maps.Keys(r.clients)) {
		c := r.clients[name]
		if err := r.silence(c, len(r.transcript.lines)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		delete(r.clients, name)
		c.Close()
	}
	if r.server != nil {
		s := r.server
		r.server = nil
		if err := s.Stop(); err != nil {
			return fmt.Errorf("stop: %w", err)
		}
	}
	if bad := r.log.Errors(); len(bad) > 0 {
		return fmt.Errorf("errors were logged: %v", bad)
	}
	return nil
}

// cleanUp ends what a transcript that failed has left.
func (r *runner) cleanUp() {
	for _, c := range r.clients {
		c.Cut()
	}
	if r.server != nil {
		_ = r.server.Stop() // the transcript has failed already
	}
	r.closeRedis()
	if r.platform != nil {
		r.platform.server.CloseClientConnections()
		r.platform.server.Close()
	}
}

// context is for commands that are carried out at once.
func (r *runner) context() context.Context { return context.Background() }

// silence checks that no frame comes to c. It waits until every record that was added
// is read, then for two flush windows, then for the answer to a ping. Under -update,
// frames that came are written before line at.
func (r *runner) silence(c *client, at int) error {
	if r.server != nil && r.server.Config.LiveEnabled {
		read := fmt.Sprintf("processor_live_records_total >=%d", r.added)
		if err := errors.Join(r.metric(read), r.metric("processor_live_shard_inbox_batches 0")); err != nil {
			return err
		}
	}
	// Pending frames are sealed within a window. A frame ends the wait.
	var extra []frame
	window := time.Duration(0)
	if r.server != nil {
		window = time.Duration(2*r.server.Config.FlushMS) * time.Millisecond
	}
	if f, err := c.next(window); err == nil {
		extra = append(extra, f)
	} else if !errors.Is(err, errNothing) {
		return err
	}
	more, err := c.barrier()
	if err != nil {
		return err
	}
	return r.unwanted(c, append(extra, more...), at)
}

// unwanted returns an error for frames that the transcript does not have.
func (r *runner) unwanted(c *client, frames []frame, at int) error {
	if len(frames) == 0 {
		return nil
	}
	var lines []string
	for _, f := range frames {
		lines = append(lines, c.name+"< "+f.Text)
	}
	if r.update {
		r.transcript.replace(at, at, lines...)
		return nil
	}
	return fmt.Errorf("nothing more was to come, and this came:\n%s", strings.Join(lines, "\n"))
}

// wait calls cond until it returns nil, and returns the last error after too long.
func (r *runner) wait(cond func() error) error {
	within := e2etest.Patience
	if r.update {
		within = 2 * time.Second
	}
	var err error
	if !servers.Poll(within, func() bool { err = cond(); return err == nil }) {
		return fmt.Errorf("after %s: %w", within, err)
	}
	return nil
}
