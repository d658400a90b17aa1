package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"pitwall/engine/internal/pace"
)

const (
	// idleCheckEvery is how long a listening connection may be silent before the
	// server is asked whether it is a standby, which also shows that it is alive.
	idleCheckEvery = standbyCheckEvery

	// checkTimeout bounds one check.
	checkTimeout = 5 * time.Second
)

func (p *postgres) Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error {
	if len(channels) == 0 {
		return errors.New("listen: no channels given")
	}
	var wait pace.Backoff
	var faults pace.LogLimiter
	m := newListenMonitor(p, channels)
	for {
		err := p.listenOnce(ctx, m, func() { wait.Reset(); ready(); p.reportListening(channels, nil) }, fn)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.reportListening(channels, err)
		if n, ok := faults.Allow(time.Now()); ok {
			p.log.Warn("connection for notifications lost, connecting again", "setting", "DATABASE_DIRECT_URL",
				"channels", channels, "times", n, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait.Delay()):
		}
	}
}

// reportListening reports whether notifications on the channels arrive.
func (p *postgres) reportListening(channels []string, err error) {
	if p.listening != nil {
		p.listening(channels, err)
	}
}

// listenOnce listens until the connection fails, all sessions are replaced, or ctx
// ends.
func (p *postgres) listenOnce(ctx context.Context, m *listenMonitor, ready func(), fn func(channel, payload string)) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer p.renewal.addListener(end)()
	err := p.withDirect(ctx, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, neverIdle); err != nil {
			return fmt.Errorf("set up the session: %w", err)
		}
		for _, channel := range append(m.channels[:len(m.channels):len(m.channels)], m.ownChannel) {
			if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
				return fmt.Errorf("listen on %s: %w", channel, err)
			}
		}
		ready()
		m.checkNow()
		for {
			if err := m.check(ctx, conn, fn); err != nil {
				return err
			}
			n, err := p.nextNotification(ctx, conn)
			if err != nil {
				return err
			}
			if n != nil {
				m.forward(n, fn)
			}
		}
	})
	if errors.Is(context.Cause(ctx), errRenewed) {
		return errRenewed
	}
	return err
}

// neverIdle switches off the timeout for idle sessions, on servers that have one.
const neverIdle = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"

type notification struct{ channel, payload string }

// nextNotification waits for a notification. It returns nil when the connection was
// silent for idleCheckEvery and is alive.
func (p *postgres) nextNotification(ctx context.Context, conn *pgx.Conn) (*notification, error) {
	wait, cancel := context.WithTimeout(ctx, p.idleCheckEvery)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if err == nil {
		return &notification{n.Channel, n.Payload}, nil
	}
	if ctx.Err() != nil || wait.Err() == nil || conn.IsClosed() {
		return nil, fmt.Errorf("wait for a notification: %w", err)
	}
	look, cancel := context.WithTimeout(ctx, p.checkTimeout)
	defer cancel()
	var standby bool
	if err := conn.QueryRow(look, inRecovery).Scan(&standby); err != nil {
		return nil, fmt.Errorf("check the silent connection: %w", err)
	}
	if standby && p.directPrimary {
		p.renew(errStandby.Error())
		return nil, errStandby
	}
	return nil, nil
}
