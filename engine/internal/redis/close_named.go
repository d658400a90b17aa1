package redis

import (
	"context"
	"net/url"
	"strconv"
	"strings"
)

// connName encodes a name for CLIENT SETNAME, which takes printable characters
// without spaces.
func connName(name string) string { return "pitwall:" + url.QueryEscape(name) }

// CloseNamed closes the connections of all Readers with that name, of any process,
// in the same database of the server that holds the key. Their outstanding reads
// are not served, and their next command fails. It returns how many it closed. If
// the server has no CLIENT LIST or CLIENT KILL, or the login may not use them,
// IsRefused holds for the error.
func (c *Client) CloseNamed(ctx context.Context, key, name string) (closed int, err error) {
	m, err := c.run(ctx, "list connections", onKey{key}, "CLIENT", "LIST", "TYPE", "normal")
	if err != nil {
		return 0, err
	}
	mark, db := " name="+connName(name)+" ", " db="+strconv.Itoa(c.db)+" "
	for line := range strings.Lines(messageString(m)) {
		if !strings.Contains(line, mark) || !strings.Contains(line, db) {
			continue
		}
		// The reply is a verbatim string: "txt:" comes before the first line.
		_, rest, _ := strings.Cut(line, "id=")
		id, _, _ := strings.Cut(rest, " ")
		n, err := query(ctx, c.run, "close a connection", key, parseInt, "CLIENT", "KILL", "ID", id)
		if err != nil {
			return closed, err
		}
		closed += int(n)
	}
	return closed, nil
}
