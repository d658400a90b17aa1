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

// RevokeToken revokes a token or a share link, and ends the sessions that it opened.
// what is the id of a link, a link, a token, or the jti of a token. The revocation
// lasts until the link or the token expires. The expiry of a jti alone is unknown, so
// length must be given, and is otherwise optional: a longer one prolongs the
// revocation.
func RevokeToken(ctx context.Context, c config.Database, what string, length time.Duration, log *slog.Logger, out io.Writer) error {
	if length < 0 {
		return fmt.Errorf("--for is %s, allowed is a positive time", length)
	}
	shown, isToken, err := access.ReadToken(what)
	if err != nil {
		return err
	}
	if isToken {
		what = shown.ID
	}
	d, err := openReady(ctx, c, log)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.Tokens(ctx, what)
	if err != nil {
		return err
	}
	known := db.Token{ID: what}
	if len(list) > 0 {
		known = list[0]
	}
	now := time.Now()
	end := later(known.Expires, shown.Expires)
	if length > 0 {
		end = later(end, now.Add(length))
	}
	name, err := describe(known, shown, isToken, length)
	if err != nil {
		return err
	}
	if !known.Link && !isToken { // of a jti alone, an earlier revocation is all that is known
		end = later(end, known.Revoked)
	}
	if !end.After(now) {
		fmt.Fprintf(out, "%s expired at %s: there is nothing to revoke\n", name, formatTime(end))
		return nil
	}
	if err := d.Revoke(ctx, what, end); err != nil {
		return err
	}
	if known.Revoked.After(now) {
		fmt.Fprintf(out, "%s was revoked already; the revocation lasts until %s\n", name, formatTime(later(end, known.Revoked)))
	} else {
		fmt.Fprintf(out, "revoked %s; the revocation lasts until %s\n", name, formatTime(end))
	}
	return nil
}

// describe names what is revoked. A jti that nothing is known of needs a length.
func describe(known db.Token, shown access.TokenInfo, isToken bool, length time.Duration) (string, error) {
	id := known.ID
	switch {
	case known.Link:
		return fmt.Sprintf("the share link %s for the event %q", plain.Text(id), known.Event), nil
	case shown.Event != "":
		return fmt.Sprintf("the share link %s for the event %q, which is not in this database", plain.Text(id), shown.Event), nil
	case isToken:
		return fmt.Sprintf("the token with the jti %q of the user %q", id, shown.User), nil
	case !known.Revoked.IsZero():
		return fmt.Sprintf("the token with the jti %q", id), nil
	case length > 0:
		return fmt.Sprintf("the jti %q, which no share link has", id), nil
	}
	return "", fmt.Errorf("no share link has the id %q: give the link or the token itself, "+
		"or, for the jti of a token of your platform, --for with the longest remaining lifetime of the token", id)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ListTokens prints share links and revocations, newest first. With all it includes
// those that have ended.
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
		connections := ""
		switch {
		case t.MaxConnections > 0:
			connections = strconv.Itoa(t.MaxConnections)
		case t.Link:
			connections = "any"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", plain.Text(t.ID), plain.Text(t.Event), formatTime(later(t.Expires, t.Revoked)), connections, state)
	}
	return w.Flush()
}

// formatTime returns a time as the commands print it.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
