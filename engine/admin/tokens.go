package admin

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"text/tabwriter"
	"time"

	"pitwall/engine/access"
	"pitwall/engine/config"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/plain"
)

// RevokeToken makes a token or a share link bad, and ends the sessions that it
// has opened. what is the id of a link, a link, a token, or the jti of one. The
// revocation lasts as long as what it is for could be good: that is known of a
// link that CreateLink has made, and said by a token. For the jti of a token that
// nobody has shown, length says it; 0 is an error then.
func RevokeToken(ctx context.Context, c config.Database, what string, length time.Duration, log *slog.Logger, out io.Writer) error {
	if length < 0 {
		return fmt.Errorf("--for is %s, allowed is a positive time", length)
	}
	shown, isToken, err := access.ReadToken(what)
	if err != nil {
		return err
	}
	id := what
	if isToken {
		id = shown.ID
	}
	d, err := openReady(ctx, c, log)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.Tokens(ctx, id)
	if err != nil {
		return err
	}
	var known db.Token
	if len(list) > 0 {
		known = list[0]
	}
	name, end, err := describe(id, known, shown, isToken, length)
	if err != nil {
		return err
	}
	now := time.Now()
	if !end.After(now) {
		fmt.Fprintf(out, "%s has expired at %s: there is nothing to revoke\n", name, instant(end))
		return nil
	}
	if err := d.Revoke(ctx, id, end); err != nil {
		return err
	}
	if known.Revoked.After(now) {
		fmt.Fprintf(out, "%s was revoked already; that is remembered until %s\n", name, instant(later(end, known.Revoked)))
		return nil
	}
	fmt.Fprintf(out, "revoked %s; that is remembered until %s\n", name, instant(end))
	return nil
}

// describe names what is to be revoked, and says until when that matters. length
// prolongs it only.
func describe(id string, known db.Token, shown access.TokenInfo, isToken bool, length time.Duration) (name string, end time.Time, err error) {
	if length > 0 {
		end = time.Now().Add(length)
	}
	end = later(end, later(known.Expires, shown.Expires))
	switch {
	case known.Link:
		return fmt.Sprintf("the share link %s for the event %q", plain.Text(id), known.Event), end, nil
	case shown.Event != "":
		return fmt.Sprintf("the share link %s for the event %q, made elsewhere", plain.Text(id), shown.Event), end, nil
	case isToken:
		return fmt.Sprintf("the token with the jti %q of the user %q", id, shown.User), end, nil
	case !known.Revoked.IsZero():
		return fmt.Sprintf("the token with the jti %q", id), later(end, known.Revoked), nil
	case length == 0:
		return "", end, fmt.Errorf("no share link has the id %q: give the link or token itself, "+
			"or, for the jti of a token of your platform, --for as long as the token could be good", id)
	}
	return fmt.Sprintf("the jti %q, which no share link has", id), end, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ListTokens prints share links and revocations, the newest first; with all those
// that have ended as well.
func ListTokens(ctx context.Context, c config.Database, all bool, log *slog.Logger, out io.Writer) error {
	d, err := openReady(ctx, c, log)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.Tokens(ctx, "")
	if err != nil {
		return err
	}
	now := time.Now()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tEVENT\tUNTIL\tCONNECTIONS\tSTATE")
	for _, t := range list {
		state := "good"
		switch {
		case t.Revoked.After(now):
			state = "revoked"
		case !later(t.Expires, t.Revoked).After(now):
			state = "ended"
		}
		if state == "ended" && !all {
			continue
		}
		event, most := "", ""
		if t.Link {
			if event, most = plain.Text(t.Event), "any"; t.MaxConnections > 0 {
				most = strconv.Itoa(t.MaxConnections)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", plain.Text(t.ID), event, instant(later(t.Expires, t.Revoked)), most, state)
	}
	return w.Flush()
}

// instant is a time as the commands print it.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
