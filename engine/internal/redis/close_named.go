package redis

import (
	"context"
	"net/url"
	"strconv"
	"strings"
)

// connName is a name as CLIENT SETNAME takes it: printable, without spaces.
func connName(name string) string { return "pitwall:" + url.QueryEscape(name) }

// CloseNamed closes the connections of all Readers of that name in the same
// database of the server that has the key, whoever has them: what they have asked
// for is not served any more, and what they ask for next fails. It returns how
// many there were. A server without CLIENT LIST and CLIENT KILL, and a login that may not
// use them, answer with an error for which IsRefused holds.
func (c *Client) CloseNamed(ctx context.Context, key, name string) (closed int, err error) {
	m, err := c.do(ctx, "list connections", onKey{key}, "CLIENT", "LIST", "TYPE", "normal")
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
		m, err := c.do(ctx, "close a connection", onKey{key}, "CLIENT", "KILL", "ID", id)
		if err != nil {
			return closed, err
		}
		n, _ := m.AsInt64()
		closed += int(n)
	}
	return closed, nil
}
