package servers

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"
)

// Query runs SQL on the database at url, in a session of its own, and returns one line
// per row, with | between columns, as psql -At prints it. NULL is an empty column. Several
// statements are one transaction. It speaks the protocol of PostgreSQL itself: a process
// of psql for each statement costs more, and the client that is tested could hide its own
// faults. Only trusted sessions without TLS are supported, which is what the servers of
// this package allow.
func (c *Cluster) Query(url, sql string) (string, error) {
	s, err := dialPostgres(url)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer s.conn.Close()
	if err := s.send('Q', sql+"\x00"); err != nil {
		return "", err
	}
	rows, err := s.results()
	if err == nil {
		err = s.send('X', "")
	}
	if err != nil {
		return "", err
	}
	return strings.Join(rows, "\n"), nil
}

// pgSession is a session in the simple query protocol.
type pgSession struct {
	conn net.Conn
	r    *bufio.Reader
}

// dialPostgres starts a session. The folder of a unix socket is the parameter host.
// Parameters that are no settings of the client go to the server.
func dialPostgres(address string) (*pgSession, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	parameters := u.Query()
	network, addr := "tcp", u.Host
	if dir := parameters.Get("host"); dir != "" {
		network, addr = "unix", dir+"/.s.PGSQL."+u.Port()
	}
	conn, err := net.DialTimeout(network, addr, ReadyWithin)
	if err != nil {
		return nil, err
	}
	s := &pgSession{conn: conn, r: bufio.NewReader(conn)}
	startup := "\x00\x03\x00\x00user\x00" + u.User.Username() + "\x00database\x00" + strings.TrimPrefix(u.Path, "/") + "\x00"
	for name, values := range parameters {
		if name != "sslmode" && name != "host" {
			startup += name + "\x00" + values[0] + "\x00"
		}
	}
	err = errors.Join(conn.SetDeadline(time.Now().Add(ReadyWithin)), s.write("", startup+"\x00"))
	if err == nil {
		_, err = s.results()
	}
	if err = errors.Join(err, conn.SetDeadline(time.Time{})); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *pgSession) send(kind byte, body string) error { return s.write(string(kind), body) }

// write writes a message. The one that starts a session has no kind.
func (s *pgSession) write(kind, body string) error {
	message := binary.BigEndian.AppendUint32([]byte(kind), uint32(4+len(body)))
	_, err := s.conn.Write(append(message, body...))
	return err
}

// results reads up to the message that the server is ready for a query. It returns the
// first error that the server has reported.
func (s *pgSession) results() (rows []string, failed error) {
	for {
		kind, body, err := s.read()
		if err != nil {
			return nil, errors.Join(failed, err)
		}
		switch kind {
		case 'R':
			if method := binary.BigEndian.Uint32(body); method != 0 {
				return nil, fmt.Errorf("the server wants authentication %d", method)
			}
		case 'D':
			rows = append(rows, rowText(body))
		case 'E':
			if failed == nil {
				failed = errorText(body)
			}
		case 'Z':
			return rows, failed
		}
	}
}

// read reads a message.
func (s *pgSession) read() (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(head[1:])-4)
	_, err = io.ReadFull(s.r, body)
	return head[0], body, err
}

// rowText joins the columns of a row.
func rowText(body []byte) string {
	columns := make([]string, binary.BigEndian.Uint16(body))
	body = body[2:]
	for i := range columns {
		size := int32(binary.BigEndian.Uint32(body))
		body = body[4:]
		if size > 0 {
			columns[i], body = string(body[:size]), body[size:]
		}
	}
	return strings.Join(columns, "|")
}

// errorText is the severity, the message and the detail of an error, as psql prints them.
func errorText(body []byte) error {
	fields := map[byte]string{}
	for field := range strings.SplitSeq(string(body), "\x00") {
		if field != "" {
			fields[field[0]] = field[1:]
		}
	}
	text := fields['S'] + ":  " + fields['M']
	if fields['D'] != "" {
		text += "\nDETAIL:  " + fields['D']
	}
	return errors.New(text)
}
