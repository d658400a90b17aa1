package transcripts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// expect waits until the result of ask equals the result lines of the step,
// word for word. Without result lines, any result but an error will do.
func (r *runner) expect(st *step, ask func() ([]string, error)) error {
	var got []string
	err := r.wait(func() error {
		var err error
		if got, err = ask(); err != nil || len(st.result) == 0 {
			return err
		}
		return r.sameLines(st.result, got)
	})
	if err != nil && r.update && got != nil {
		r.updateLines(st, got)
		return nil
	}
	return err
}

func (r *runner) sameLines(want, got []string) error {
	if len(got) == 0 {
		got = []string{"(none)"}
	}
	if len(want) != len(got) {
		return fmt.Errorf("%d lines, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	trial := r.names.clone()
	for i := range want {
		w, err := words(r.names.replace(want[i]))
		if err != nil {
			return err
		}
		g, err := words(got[i])
		if err != nil {
			return err
		}
		same := len(w) == len(g)
		for k := 0; same && k < len(w); k++ {
			if strings.HasPrefix(w[k], "$") {
				same = trial.accept(w[k], g[k]) == nil
			} else {
				same = w[k] == g[k]
			}
		}
		if !same {
			return fmt.Errorf("want %s\ngot  %s\nof\n%s", want[i], got[i], strings.Join(got, "\n"))
		}
	}
	r.names = trial
	return nil
}

// updateLines writes the result into the transcript, with the names that were
// in the same places.
func (r *runner) updateLines(st *step, got []string) {
	var lines []string
	for i, g := range got {
		if i < len(st.result) {
			w, _ := words(st.result[i]) // what cannot be read names nothing
			list, _ := words(g)
			for k := range min(len(w), len(list)) {
				if strings.HasPrefix(w[k], "$") {
					list[k] = w[k]
				}
			}
			g = quoteWords(list)
		}
		lines = append(lines, "= "+g)
	}
	if len(lines) == 0 {
		lines = []string{"= (none)"}
	}
	r.transcript.replace(st.from, st.upto, lines...)
}

// sentOnce are the commands that change something. Others are repeated until
// they return what is expected.
var sentOnce = []string{"XADD", "XTRIM", "XDEL", "DEL", "XGROUP", "SET"}

func (r *runner) redisStep(st *step, rest string) error {
	args, err := words(rest)
	if err != nil || len(args) == 0 {
		return fmt.Errorf("no command: %w", err)
	}
	addr := r.backends.Redis
	if addr == "" {
		if r.server == nil {
			return errors.New("the embedded Redis comes and goes with the engine, which does not run")
		}
		addr = r.server.Engine.RedisAddr()
	}
	if r.redis == nil {
		if r.redis, err = testenv.DialRedis(addr); err != nil {
			return err
		}
	}
	if !slices.Contains(sentOnce, args[0]) {
		return r.expect(st, func() ([]string, error) {
			reply, err := r.redis.Do(args...)
			return replyLines(reply), err
		})
	}
	reply, err := r.redis.Do(args...)
	if err != nil {
		return err
	}
	if args[0] == "XADD" && !strings.HasSuffix(args[1], ":dead") {
		r.added++
	}
	return r.expect(st, func() ([]string, error) { return replyLines(reply), nil })
}

// closeRedis closes the connection to Redis.
func (r *runner) closeRedis() {
	if r.redis != nil {
		r.redis.Close()
		r.redis = nil
	}
}

func (r *runner) sqlStep(st *step, rest string) error {
	ctx, cancel := context.WithTimeout(context.Background(), e2etest.Patience)
	defer cancel()
	if strings.HasPrefix(rest, "SELECT") {
		return r.expect(st, func() ([]string, error) { return query(ctx, r.backends.DB, rest) })
	}
	_, err := r.backends.DB.ExecContext(ctx, rest)
	return err
}

// query returns a line per row. Times of both databases are in ms since the
// epoch, booleans are 0 and 1.
func query(ctx context.Context, db *sql.DB, statement string) ([]string, error) {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	out := []string{}
	for rows.Next() {
		row := make([]any, len(columns))
		dest := make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		list := make([]string, len(row))
		for i, v := range row {
			list[i] = sqlWord(v)
		}
		out = append(out, quoteWords(list))
	}
	return out, rows.Err()
}

func sqlWord(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case time.Time:
		if v.Nanosecond()%1e6 != 0 {
			return v.UTC().Format(time.RFC3339Nano) // finer than it may be
		}
		return strconv.FormatInt(v.UnixMilli(), 10)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

// metric waits until the private listener shows NAME with the value, or with at
// least the value for ">=1".
func (r *runner) metric(rest string) error {
	name, value, _ := strings.Cut(rest, " ")
	atLeast := strings.HasPrefix(value, ">=")
	want, err := strconv.ParseFloat(strings.TrimPrefix(value, ">="), 64)
	if err != nil {
		return fmt.Errorf("no value to compare with: %w", err)
	}
	return r.wait(func() error {
		got, err := r.addrs.ReadMetric(name)
		if err == nil && got != want && !(atLeast && got > want) {
			err = fmt.Errorf("%s is %v, want %s", name, got, value)
		}
		return err
	})
}

// get waits until a listener answers METHOD path with the status; "refused"
// means that nobody listens. "= " lines are parts of the body.
func (r *runner) get(addr string, st *step, rest string) error {
	w, err := words(rest)
	if err != nil || len(w) != 3 {
		return errors.New("want METHOD path status")
	}
	return r.wait(func() error {
		status, body, err := fetch(w[0], "http://"+addr+w[1])
		if err != nil {
			return err
		}
		if !slices.Contains(strings.Split(w[2], "|"), status) {
			return fmt.Errorf("status %s, want %s: %s", status, w[2], body)
		}
		for _, part := range st.result {
			if !strings.Contains(body, part) {
				return fmt.Errorf("%q is not in %s", part, body)
			}
		}
		return nil
	})
}

// fetch returns the status, "refused" when nobody listens, and the body.
func fetch(method, url string) (status, body string, err error) {
	code, body, err := e2etest.Fetch(method, url)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return refused, "", nil
	}
	return strconv.Itoa(code), body, err
}

const refused = "refused"
