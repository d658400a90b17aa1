package admin

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/access"
	"pitwall/engine/config"
	"pitwall/engine/internal/plain"
)

// UserToken says which token CreateUserToken makes.
type UserToken struct {
	User    string
	Events  []string // ids, prefix-*, or *
	TTL     time.Duration
	Private []byte // a private key in PEM; empty: JWT_SECRET signs
	KeyID   string // of the key in a key set; "": none
}

// CreateUserToken prints a token for AUTH_MODE=jwt, and to notes its id and expiry. A
// token that serve would refuse with the same settings is an error.
func CreateUserToken(ctx context.Context, o access.Options, t UserToken, log *slog.Logger, out, notes io.Writer) error {
	mode := o.Mode
	o.Logger, o.Metrics = log, metrics.NewSet()
	u := access.UserToken{User: t.User, Events: t.Events, Expires: time.Now().Add(t.TTL).Truncate(time.Second), KeyID: t.KeyID}
	token, err := u.Issue(ctx, o, t.Private)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, token); err != nil {
		return err
	}
	fmt.Fprintf(notes, "id %s until %s; `pitwall token revoke` with the token ends it\n", u.ID, formatTime(u.Expires))
	if mode != access.ModeJWT {
		fmt.Fprintf(notes, "with these settings serve does not look at it: AUTH_MODE is %s, and user tokens need jwt\n", mode)
	}
	return nil
}

// checkedToken is the answer of CheckToken.
type checkedToken struct {
	Kind      string `json:"kind"`
	Accepted  bool   `json:"accepted"`
	Ignored   bool   `json:"ignored,omitempty"` // accepted without a look at the token
	Verified  bool   `json:"verified"`          // signed with a key of these settings
	Reason    string `json:"reason,omitempty"`  // of a refusal, as the metric names it
	Problem   string `json:"problem,omitempty"` // the reason in words
	Algorithm string `json:"algorithm,omitempty"`
	KeyID     string `json:"keyId,omitempty"`

	User           string    `json:"user,omitempty"`
	ID             string    `json:"id,omitempty"`
	Issuer         string    `json:"issuer,omitempty"`
	Audience       []string  `json:"audience,omitempty"`
	Events         []string  `json:"events,omitempty"`
	Event          string    `json:"event,omitempty"`
	MaxConnections int       `json:"maxConnections,omitempty"`
	Issued         time.Time `json:"issued,omitzero"`
	NotBefore      time.Time `json:"notBefore,omitzero"`
	Expires        time.Time `json:"expires,omitzero"`

	// Rules are those of AUTHZ_MODE; none: everybody may watch everything.
	Rules []string  `json:"rules"`
	Watch *mayWatch `json:"watch,omitempty"` // about one event
}

type mayWatch struct {
	Event   string `json:"event"`
	Allowed bool   `json:"allowed"`
}

// CheckToken explains a token or a share link, as serve would decide about it now: what
// it is, whom it names, which events it opens, until when, and why it is refused. It
// reports whether the token is accepted and, if event is not "" or the token is a link,
// whether it may watch that event. It prints no part of the token. A platform or a
// database that does not answer is an error.
func CheckToken(ctx context.Context, o access.Options, c config.Database, token, event string, asJSON bool, log *slog.Logger, out io.Writer) (good bool, err error) {
	d, err := openReady(ctx, c, log)
	if err != nil {
		return false, err
	}
	defer d.Close()
	o.Store, o.Sessions, o.Logger, o.Metrics, o.Changed = d, d.Sessions(), log, metrics.NewSet(), func() {}
	g, err := access.New(o)
	if err != nil {
		return false, err
	}
	defer g.Close()
	if err := g.Open(ctx); err != nil {
		return false, fmt.Errorf("prepare access control: %w", err)
	}
	x, err := g.Explain(ctx, token)
	if err != nil {
		return false, fmt.Errorf("the token cannot be checked now: %w", err)
	}
	a := checkedToken{
		Kind: x.Kind, Accepted: x.Accepted, Ignored: x.Ignored, Verified: x.Verified, Reason: x.Reason, Problem: problem(x), Algorithm: x.Algorithm, KeyID: x.KeyID,
		User: x.User, ID: x.ID, Issuer: x.Issuer, Audience: x.Audience, Events: x.Events, Event: x.Event, MaxConnections: x.MaxConnections,
		Issued: inUTC(x.Issued), NotBefore: inUTC(x.NotBefore), Expires: inUTC(x.Expires), Rules: append([]string{}, o.Decide...),
	}
	good = x.Accepted
	if event == "" {
		event = x.Event
	}
	if x.Accepted && event != "" {
		a.Watch = &mayWatch{Event: event}
		if a.Watch.Allowed, err = g.MayWatch(ctx, x, event); err != nil {
			return false, fmt.Errorf("whether the event may be watched cannot be decided now: %w", err)
		}
		good = a.Watch.Allowed
	}
	if asJSON {
		return good, plain.WriteJSON(out, a)
	}
	_, err = io.WriteString(out, a.text(o.JWT.Leeway, time.Now()))
	return good, err
}

// inUTC keeps a zero time zero.
func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// text is the answer for people.
func (a *checkedToken) text(leeway time.Duration, now time.Time) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, plain.Text(fmt.Sprintf(format, args...)))
	}
	optional := func(name, text string) {
		if text != "" {
			line(name, "%s", text)
		}
	}
	line("kind", "%s", a.Kind)
	switch {
	case a.Ignored:
		line("accepted", "yes, without a look at the token: with these settings clients need none")
	case a.Accepted:
		line("accepted", "yes")
	default:
		line("accepted", "no (%s): %s", a.Reason, a.Problem)
	}
	if a.Kind == access.KindOther {
		return b.String()
	}
	verified := "not verified; anybody may have written what follows"
	if a.Verified {
		verified = "verified"
	}
	line("signature", "%s, %s", a.Algorithm, verified)
	optional("key id", a.KeyID)
	optional("user", a.User)
	optional("id", a.ID)
	optional("issuer", a.Issuer)
	optional("audience", strings.Join(a.Audience, ", "))
	optional("issued", timeOrNothing(a.Issued))
	optional("not before", timeOrNothing(a.NotBefore))
	if !a.Expires.IsZero() {
		line("expires", "%s, %s; serve adds a leeway of %s", formatTime(a.Expires), fromNow(a.Expires, now), leeway)
	}
	line("events", "%s", a.events())
	if a.MaxConnections > 0 {
		line("connections", "%s at the same time at most; whether one is free is not checked", plain.Count(a.MaxConnections, "connection", "connections"))
	}
	if a.Watch != nil {
		answer := "may be watched"
		if !a.Watch.Allowed {
			answer = "may not be watched"
		}
		line("decision", "the event %q %s", a.Watch.Event, answer)
	}
	return b.String()
}

func timeOrNothing(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return formatTime(t)
}

// fromNow says how far a time is from now.
func fromNow(t, now time.Time) string {
	if d := t.Sub(now).Round(time.Second); d > 0 {
		return "in " + d.String()
	}
	return now.Sub(t).Round(time.Second).String() + " ago"
}
