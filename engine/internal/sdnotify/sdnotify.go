// Package sdnotify tells a service manager that follows systemd's protocol (Type=notify)
// when the process serves, that it is alive, and when it stops. sd_notify(3) describes
// the protocol: datagrams of NAME=value lines to the Unix socket NOTIFY_SOCKET.
//
// Package engine decides what is said and when. Without NOTIFY_SOCKET there is nobody to
// tell, and every method does nothing.
//
// # Goroutines
//
// The package starts none. Any goroutine may call the methods of a Manager.
//
// # Caveats
//
// A path in NOTIFY_SOCKET that begins with @ is a socket in the abstract namespace of
// Linux. Sockets of a virtual machine's host (vsock:) are not supported.
package sdnotify

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// sendTimeout bounds a message to a manager that does not read.
const sendTimeout = 5 * time.Second

// Manager is the service manager that has started this process. A nil Manager is none.
type Manager struct {
	conn     *net.UnixConn
	watchdog time.Duration
}

// FromEnv connects to the manager that NOTIFY_SOCKET names, and returns nil without it.
// It reads WATCHDOG_USEC and WATCHDOG_PID as well. The error names the variable that is
// wrong.
func FromEnv() (*Manager, error) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET is %q, which is neither a path nor an abstract socket (@name)", name)
	}
	watchdog, err := watchdogFromEnv()
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("connect to NOTIFY_SOCKET: %w", err)
	}
	return &Manager{conn: conn, watchdog: watchdog}, nil
}

// watchdogFromEnv returns 0 if no watchdog is set, or if it is that of another process.
func watchdogFromEnv() (time.Duration, error) {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	text := os.Getenv("WATCHDOG_USEC")
	if text == "" {
		return 0, nil
	}
	usec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || usec <= 0 || usec > int64(24*time.Hour/time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC is %q, not a number of microseconds of at most a day", text)
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// Watchdog returns how long the manager waits for the next Alive before it ends the
// process, 0 if it does not watch.
func (m *Manager) Watchdog() time.Duration {
	if m == nil {
		return 0
	}
	return m.watchdog
}

// Ready says that the process serves.
func (m *Manager) Ready() error { return m.send("READY=1") }

// Stopping says that the process has begun to stop.
func (m *Manager) Stopping() error { return m.send("STOPPING=1") }

// Alive says that the process works, which starts the watchdog's time again.
func (m *Manager) Alive() error { return m.send("WATCHDOG=1") }

// Status sets the line that the manager shows for the process.
func (m *Manager) Status(text string) error {
	return m.send("STATUS=" + strings.Join(strings.Fields(text), " "))
}

// Close ends the connection. The process stays what it was last said to be.
func (m *Manager) Close() error {
	if m == nil {
		return nil
	}
	return m.conn.Close()
}

func (m *Manager) send(line string) error {
	if m == nil {
		return nil
	}
	_ = m.conn.SetWriteDeadline(time.Now().Add(sendTimeout)) // fails with the write
	if _, err := m.conn.Write([]byte(line)); err != nil {
		return fmt.Errorf("tell the service manager %s: %w", line, err)
	}
	return nil
}
