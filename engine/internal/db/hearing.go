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
	// checkEvery is how often a session that listens is checked: a pooler in
	// transaction mode takes LISTEN, and passes no notification on.
	checkEvery = time.Minute

	// deafEvery is the time in which the same finding is logged once.
	deafEvery = 15 * time.Minute
)

// Events of triggers, as pg_trigger.tgtype has them.
const (
	onInsert, onDelete, onUpdate, onTruncate = 4, 8, 16, 32

	onAny = onInsert | onDelete | onUpdate | onTruncate
)

// sender is a table whose triggers send notifications: how their names begin,
// and the events that they have to tell of, all together.
type sender struct {
	table, trigger string
	events         int
}

// senders lists those of each channel.
var senders = map[string][]sender{
	ChannelRoster: {{"events", "pitwall_notify_roster", onAny}, {"entries", "pitwall_notify_roster", onAny},
		{"entry_devices", "pitwall_notify_roster", onAny}},
	ChannelPositions: {{"positions", "pitwall_notify_faulty", onUpdate}},
	ChannelAccess: {{"pitwall_events", "pitwall_notify_access", onAny}, {"pitwall_members", "pitwall_notify_access", onAny},
		{"pitwall_revocations", "pitwall_notify_access", onAny}},
}

// lackingTriggers names the tables that lack a trigger for one of their events,
// or have one that is switched off.
const lackingTriggers = `SELECT coalesce(string_agg(w.rel, ', ' ORDER BY w.rel), '')
	FROM unnest($1::text[], $2::text[], $3::int[]) AS w(rel, name, events)
	WHERE w.events <> w.events & coalesce((SELECT bit_or(t.tgtype::int) FROM pg_trigger t
	    WHERE t.tgrelid = to_regclass(w.rel) AND starts_with(t.tgname, w.name) AND t.tgenabled IN ('O', 'A')), 0)`

// hearing checks for one call of Listen that what it waits for is sent and
// arrives. It belongs to the goroutine of Listen.
type hearing struct {
	p        *postgres
	channels []string
	own      string // a channel that nobody else listens on
	next     time.Time

	deaf    bool
	lacking string
	deafs   pace.LogLimiter
	lacks   pace.LogLimiter
}

func newHearing(p *postgres, channels []string) *hearing {
	return &hearing{p: p, channels: channels, own: "pitwall_check_" + rand.Text(),
		deafs: pace.LogLimiter{Every: deafEvery}, lacks: pace.LogLimiter{Every: deafEvery}}
}

// begin has the next check done at once.
func (h *hearing) begin() { h.next = time.Time{} }

// pass passes a notification on, unless it is a late one of our own.
func (h *hearing) pass(n *notification, fn func(channel, payload string)) {
	if n.channel != h.own {
		fn(n.channel, n.payload)
	}
}

// check does what is due. Its error is that of the connection. Where the check
// itself is not possible, it is done later.
func (h *hearing) check(ctx context.Context, conn *pgx.Conn, fn func(channel, payload string)) error {
	now := time.Now()
	if now.Before(h.next) {
		return nil
	}
	h.next = now.Add(h.p.checkEvery)
	limited, cancel := context.WithTimeout(ctx, h.p.lookTimeout)
	defer cancel()
	h.checkTriggers(limited)
	if _, err := h.p.pool.Exec(limited, "SELECT pg_notify($1, '')", h.own); err != nil {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, h.p.lookTimeout)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(wait)
		switch {
		case err == nil && n.Channel == h.own:
			h.heard(true)
			return nil
		case err == nil:
			fn(n.Channel, n.Payload)
		case ctx.Err() != nil || wait.Err() == nil || conn.IsClosed():
			return fmt.Errorf("wait for a notification: %w", err)
		default:
			h.heard(false)
			return nil
		}
	}
}

// heard takes note of whether a notification of our own has arrived.
func (h *hearing) heard(yes bool) {
	if yes {
		if h.deaf {
			h.p.log.Info("notifications arrive again", "channels", h.channels)
		}
		h.deaf = false
		return
	}
	h.deaf = true
	if n, ok := h.deafs.Allow(time.Now()); ok {
		h.p.log.Warn("notifications do not arrive, as through PgBouncer in transaction mode: changes are seen late, at the next refresh; "+
			"set DATABASE_DIRECT_URL to the same database past the pooler", "setting", "DATABASE_DIRECT_URL", "channels", h.channels, "times", n)
	}
}

// checkTriggers looks whether somebody sends notifications.
func (h *hearing) checkTriggers(ctx context.Context) {
	var tables, names []string
	var events []int
	for _, channel := range h.channels {
		if h.p.noTriggers && channel != ChannelAccess {
			continue
		}
		for _, s := range senders[channel] {
			tables, names, events = append(tables, s.table), append(names, s.trigger), append(events, s.events)
		}
	}
	if len(tables) == 0 {
		return
	}
	var lacking string
	if err := h.p.pool.QueryRow(ctx, lackingTriggers, tables, names, events).Scan(&lacking); err != nil {
		return // the next check tells
	}
	before := h.lacking
	h.lacking = lacking
	if lacking == "" {
		if before != "" {
			h.p.log.Info("the triggers that send notifications are there again", "tables", before)
		}
		return
	}
	if n, ok := h.lacks.Allow(time.Now()); ok {
		h.p.log.Warn("triggers that send notifications are missing or switched off: changes are seen late, at the next refresh; "+
			"make them as 0003_notify.sql (positions), 0006_notify_changes.sql and 0007_roster_changes.sql of the migrations do, or set NOTIFY_TRIGGERS=false where the platform wants none",
			"setting", "NOTIFY_TRIGGERS", "tables", lacking, "times", n)
	}
}
