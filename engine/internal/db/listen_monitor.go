package db

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"pitwall/engine/internal/pace"
)

const (
	// checkEvery is the interval of the checks. They are necessary because a pooler
	// in transaction mode accepts LISTEN but forwards no notification.
	checkEvery = time.Minute

	// silentLogEvery is the interval at which the same finding is logged.
	silentLogEvery = 15 * time.Minute
)

// Events of triggers, as bits of pg_trigger.tgtype.
const (
	onInsert, onDelete, onUpdate, onTruncate = 4, 8, 16, 32

	onAny = onInsert | onDelete | onUpdate | onTruncate
)

// sender is a table whose triggers send notifications. trigger is the prefix of their
// names, and events are what they must cover together.
type sender struct {
	table, trigger string
	events         int
}

// senders lists the senders of each channel.
var senders = map[string][]sender{
	ChannelRoster: {{"events", "pitwall_notify_roster", onAny}, {"entries", "pitwall_notify_roster", onAny},
		{"entry_devices", "pitwall_notify_roster", onAny}},
	ChannelPositions: {{"positions", "pitwall_notify_faulty", onUpdate}},
	ChannelAccess: {{"pitwall_events", "pitwall_notify_access", onAny}, {"pitwall_members", "pitwall_notify_access", onAny},
		{"pitwall_revocations", "pitwall_notify_access", onAny}},
}

// missingTriggersQuery names the tables that have no enabled trigger for one of their
// events.
const missingTriggersQuery = `SELECT coalesce(string_agg(w.rel, ', ' ORDER BY w.rel), '')
	FROM unnest($1::text[], $2::text[], $3::int[]) AS w(rel, name, events)
	WHERE w.events <> w.events & coalesce((SELECT bit_or(t.tgtype::int) FROM pg_trigger t
	    WHERE t.tgrelid = to_regclass(w.rel) AND starts_with(t.tgname, w.name) AND t.tgenabled IN ('O', 'A')), 0)`

// listenMonitor checks for one call of Listen that notifications are sent and arrive.
// It belongs to the goroutine of Listen.
type listenMonitor struct {
	p          *postgres
	channels   []string
	ownChannel string // no other session listens on it
	nextCheck  time.Time

	silent          bool
	missingTriggers string
	silentLog       pace.LogLimiter
	triggersLog     pace.LogLimiter
}

func newListenMonitor(p *postgres, channels []string) *listenMonitor {
	return &listenMonitor{p: p, channels: channels, ownChannel: "pitwall_check_" + rand.Text(),
		silentLog: pace.LogLimiter{Every: silentLogEvery}, triggersLog: pace.LogLimiter{Every: silentLogEvery}}
}

// checkNow makes the next check due.
func (m *listenMonitor) checkNow() { m.nextCheck = time.Time{} }

// forward calls fn with a notification, unless it is a late one of a check.
func (m *listenMonitor) forward(n *notification, fn func(channel, payload string)) {
	if n.channel != m.ownChannel {
		fn(n.channel, n.payload)
	}
}

// check checks, when it is due, whether the triggers exist and whether a notification
// arrives. It returns an error when the connection fails. If it cannot send the
// notification, it waits for the next check.
func (m *listenMonitor) check(ctx context.Context, conn *pgx.Conn, fn func(channel, payload string)) error {
	now := time.Now()
	if now.Before(m.nextCheck) {
		return nil
	}
	m.nextCheck = now.Add(m.p.checkEvery)
	limited, cancel := context.WithTimeout(ctx, m.p.checkTimeout)
	defer cancel()
	m.checkTriggers(limited)
	if _, err := m.p.pool.Exec(limited, "SELECT pg_notify($1, '')", m.ownChannel); err != nil {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, m.p.checkTimeout)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(wait)
		switch {
		case err == nil && n.Channel == m.ownChannel:
			m.recordArrival(true)
			return nil
		case err == nil:
			fn(n.Channel, n.Payload)
		case ctx.Err() != nil || wait.Err() == nil || conn.IsClosed():
			return fmt.Errorf("wait for a notification: %w", err)
		default:
			m.recordArrival(false)
			return nil
		}
	}
}

// recordArrival logs whether the notification of a check has arrived.
func (m *listenMonitor) recordArrival(yes bool) {
	if yes {
		if m.silent {
			m.p.log.Info("notifications arrive again", "channels", m.channels)
		}
		m.silent = false
		return
	}
	m.silent = true
	if n, ok := m.silentLog.Allow(time.Now()); ok {
		m.p.log.Warn("notifications do not arrive, as through PgBouncer in transaction mode: changes are seen late, at the next refresh; "+
			"set DATABASE_DIRECT_URL to the same database past the pooler", "setting", "DATABASE_DIRECT_URL", "channels", m.channels, "times", n)
	}
}

// checkTriggers logs which triggers that send notifications are missing.
func (m *listenMonitor) checkTriggers(ctx context.Context) {
	var tables, names []string
	var events []int
	for _, channel := range m.channels {
		if m.p.noTriggers && channel != ChannelAccess {
			continue
		}
		for _, s := range senders[channel] {
			tables, names, events = append(tables, s.table), append(names, s.trigger), append(events, s.events)
		}
	}
	if len(tables) == 0 {
		return
	}
	var missing string
	if err := m.p.pool.QueryRow(ctx, missingTriggersQuery, tables, names, events).Scan(&missing); err != nil {
		return // the next check tries again
	}
	before := m.missingTriggers
	m.missingTriggers = missing
	if missing == "" {
		if before != "" {
			m.p.log.Info("the triggers that send notifications exist again", "tables", before)
		}
		return
	}
	if n, ok := m.triggersLog.Allow(time.Now()); ok {
		m.p.log.Warn("triggers that send notifications are missing or switched off: changes are seen late, at the next refresh; "+
			"create them as the migrations 0003_notify.sql (positions), 0006_notify_changes.sql and 0007_roster_changes.sql do, or set NOTIFY_TRIGGERS=false if the platform wants none",
			"setting", "NOTIFY_TRIGGERS", "tables", missing, "times", n)
	}
}
