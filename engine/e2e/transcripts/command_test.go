package transcripts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"pitwall/engine/admin"
	"pitwall/engine/e2e/e2etest"
)

// command runs a command of pitwall.
func (r *runner) command(st *step, rest string) error {
	flags, err := words(rest)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	switch st.verb {
	case "migrate":
		err = r.migrate(flags, &out)
	case "roster":
		err = r.roster(flags, st.input, &out)
	case "serve":
		err = r.serve(flags)
	case "stop":
		r.stopping()
		err = r.stopped()
	case "stopping":
		r.stopping()
	case "stopped":
		err = r.stopped()
	}
	if st.failed != "" {
		if err == nil || !strings.Contains(err.Error(), st.failed) {
			return fmt.Errorf("want an error with %q, got: %w", st.failed, err)
		}
		return nil
	}
	if err != nil || len(st.result) == 0 {
		return err
	}
	return r.expect(st, func() ([]string, error) {
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), nil
	})
}

func (r *runner) migrate(flags []string, out *bytes.Buffer) error {
	cfg, err := e2etest.Settings(slices.Concat(r.backends.Flags, flags)...)
	if err != nil {
		return err
	}
	return admin.MigrateUp(context.Background(), cfg.Database, r.log.Logger(), out)
}

func (r *runner) roster(flags, rows []string, out *bytes.Buffer) error {
	if len(flags) == 0 || flags[0] != "import" {
		return errors.New("want roster import")
	}
	dry := slices.Contains(flags, "--dry-run")
	cfg, err := e2etest.Settings(r.backends.Flags...)
	if err != nil {
		return err
	}
	csv := strings.NewReader("event_id,entry_id,device_id\n" + strings.Join(rows, "\n") + "\n")
	return admin.ImportRoster(context.Background(), cfg.Database, csv, dry, r.log.Logger(), out)
}

// serve starts the engine on free ports. The number of shards does not depend on the
// machine, because transcripts show the parts of a snapshot.
func (r *runner) serve(flags []string) error {
	if r.server != nil {
		return errors.New("an engine runs already")
	}
	// The flush window never grows: transcripts show it as the interval.
	own := []string{"--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--live-shards=2", "--live-writers=2", "--live-flush-max-ms=0"}
	cfg, err := e2etest.Settings(slices.Concat(own, r.backends.Flags, flags)...)
	if err != nil {
		return err
	}
	e, err := e2etest.LaunchReady(cfg, r.log)
	if err != nil {
		return err
	}
	r.server, r.addrs, r.added = e, e.Addrs, 0
	return nil
}

func (r *runner) stopping() {
	if r.server != nil {
		r.server.RequestStop()
	}
}

func (r *runner) stopped() error {
	if r.server == nil {
		return errors.New("no engine runs")
	}
	s := r.server
	r.server = nil
	if r.backends.Redis == "" {
		r.closeRedis() // it goes with the engine
	}
	return s.Stop()
}

// connect connects a client, or checks that it is refused.
func (r *runner) connect(rest string) error {
	who, want, _ := strings.Cut(rest, " => ")
	w, err := words(who)
	if err != nil || len(w) == 0 || r.clients[w[0]] != nil {
		return errors.New("want the name of a client that is not connected")
	}
	query, header := "", http.Header{}
	for _, x := range w[1:] {
		if name, value, ok := strings.Cut(x, ":"); ok && x[0] != '?' {
			header.Set(name, value)
		} else {
			query = x
		}
	}
	if want == "" {
		c, _, err := dial(r.addrs.HTTP, w[0], query, header)
		if err == nil {
			r.clients[w[0]] = c
		}
		return err
	}
	return r.wait(func() error {
		c, status, err := dial(r.addrs.HTTP, w[0], query, header)
		if err == nil {
			c.Close()
			return fmt.Errorf("%s was let in", w[0])
		}
		got := fmt.Sprint(status)
		if errors.Is(err, syscall.ECONNREFUSED) {
			got = refused
		}
		if !slices.Contains(strings.Split(want, "|"), got) {
			return fmt.Errorf("%s: %w", got, err)
		}
		return nil
	})
}
