package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
)

// Ports are picked below the range from which Linux takes the source ports of
// outgoing connections (32768 and up). A port from that range could be taken
// by any connection of the machine while a test has its server stopped.
const (
	portFirst = 12000
	portLast  = 32000
)

// startTries is how many ports are tried when a server finds its port taken: another
// process may take it between freePort and the server's own bind.
const startTries = 8

// freePort returns a TCP port on 127.0.0.1 that nobody listens on just now.
func freePort() (int, error) {
	var last error
	for range 100 {
		port := portFirst + rand.IntN(portLast-portFirst)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		l.Close()
		return port, nil
	}
	return 0, fmt.Errorf("no free port between %d and %d: %w", portFirst, portLast, last)
}

// PortTaken reports whether a server could not start because its port was taken.
func PortTaken(err error) bool {
	return err != nil && strings.Contains(err.Error(), "ddress already in use")
}

// OnFreePort calls start with a free port, and again with another one while
// the port turns out to be taken.
func OnFreePort(start func(port int) error) error {
	var err error
	for range startTries {
		var port int
		if port, err = freePort(); err != nil {
			return err
		}
		if err = start(port); !PortTaken(err) {
			return err
		}
	}
	return err
}
