package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	"pitwall/engine/access"
	"pitwall/engine/config"
	"pitwall/engine/internal/db"
)

// CreateLink signs a share link for an event, which must exist, saves it, and prints
// it. The token is in the link's fragment, which browsers do not send to servers and
// proxies do not log. base is the address of the page, ttl the lifetime of the link.
// maxConnections is the most connections at the same time; 0 is no limit.
func CreateLink(ctx context.Context, c config.Links, at config.Database, base, event string, ttl time.Duration, maxConnections int, log *slog.Logger, out io.Writer) error {
	key, err := c.LinkKey()
	if err != nil {
		return err
	}
	if len(key) == 0 {
		return errors.New("no secret to sign with: set LINK_SECRET or JWT_SECRET, as for serve")
	}
	d, err := openReady(ctx, at, log)
	if err != nil {
		return err
	}
	defer d.Close()
	exists, delayed, err := d.FindEvent(ctx, event)
	switch {
	case err != nil:
		return err
	case !exists:
		return fmt.Errorf("there is no event %q in the table events: create it with `pitwall roster import`, or on your platform", event)
	case delayed:
		return fmt.Errorf("the event %q has a delay (delay_s in pitwall_events), and share links do not open it: positions cannot be delayed yet", event)
	}
	now := time.Now()
	l := access.Link{Event: event, Expires: now.Add(ttl).Truncate(time.Second), MaxConnections: maxConnections}
	token, err := l.Sign(key)
	if err != nil {
		return fmt.Errorf("sign a share link: %w", err)
	}
	if err := d.SaveLink(ctx, db.Token{ID: l.ID, Event: event, Expires: l.Expires, MaxConnections: maxConnections, Created: now}); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s#event=%s&token=%s\nid %s until %s; `pitwall token revoke %s` ends it\n",
		base, url.QueryEscape(event), token, l.ID, formatTime(l.Expires), l.ID)
	return nil
}
