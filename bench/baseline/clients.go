package baseline

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// readers connects, subscribes, says so, and then reads until the server has
// gone. It reads by epoll on one thread, so that it costs little beside what
// is measured.
func readers(l *load, addr string) error {
	fds, err := connectAll(l, addr)
	if err != nil {
		return err
	}
	poll, err := unix.EpollCreate1(0)
	if err != nil {
		return err
	}
	for _, fd := range fds {
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return err
		}
	}
	fmt.Println("connected")
	return readAll(poll, len(fds))
}

func readAll(poll, open int) error {
	events := make([]unix.EpollEvent, 1024)
	buf := make([]byte, 256<<10)
	for open > 0 {
		n, err := unix.EpollWait(poll, events, -1)
		if err != nil && err != unix.EINTR {
			return err
		}
		for i := range max(n, 0) {
			fd := int(events[i].Fd)
			if k, err := unix.Read(fd, buf); k <= 0 && err != unix.EAGAIN {
				_ = unix.Close(fd)
				open--
			}
		}
	}
	return nil
}

// connectAll opens the connections, some at a time.
func connectAll(l *load, addr string) ([]int, error) {
	fds := make([]int, l.Conns)
	errs := make([]error, l.Conns)
	slots := make(chan struct{}, 32)
	var all sync.WaitGroup
	for i := range l.Conns {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			fds[i], errs[i] = connect(addr, l.eventOfConn(i))
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return fds, nil
}

// connect opens one connection and gives its descriptor away.
func connect(addr, event string) (int, error) {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := subscribe(c, addr, event); err != nil {
		return 0, fmt.Errorf("subscribe: %w", err)
	}
	fd, err := detach(c)
	if err != nil {
		return 0, err
	}
	return fd, unix.SetNonblock(fd, true)
}

// subscribe shakes hands and watches an event.
func subscribe(c net.Conn, addr, event string) error {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fprintf(c, "GET /live HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", addr); err != nil {
		return err
	}
	if err := until(c, "\r\n\r\n"); err != nil {
		return err
	}
	text := []byte(`{"type":"subscribe","id":"1","topic":"event:` + event + `"}`)
	frame := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...) // the zero mask
	if _, err := c.Write(frame); err != nil {
		return err
	}
	return until(c, "}") // welcome, subscribed or the hub's {}: it has been heard
}

// until reads, byte by byte, up to the end of what.
func until(c net.Conn, what string) error {
	var seen []byte
	var b [1]byte
	for !bytes.HasSuffix(seen, []byte(what)) {
		if _, err := c.Read(b[:]); err != nil {
			return err
		}
		seen = append(seen, b[0])
	}
	return nil
}
