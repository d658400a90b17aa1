package floor

import (
	"net"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/codec"
)

// serveBare is the floor: the frames of a window are made once per event and
// written to every socket with one system call, on the descriptor.
func serveBare(l *load) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	accepted := make(chan error, 1)
	conns := make([][]int, l.Events) // descriptors by event
	go func() {
		for i := range l.Conns {
			fd, err := acceptFD(listener, l.Lowat)
			if err != nil {
				accepted <- err
				return
			}
			conns[i%l.Events] = append(conns[i%l.Events], fd)
		}
		accepted <- nil
	}()
	if err := listening(listener.Addr().String()); err != nil {
		return err
	}
	if err := <-accepted; err != nil {
		return err
	}
	return measure(func() (d, w, b float64) { return bareLoop(l, conns) })
}

// acceptFD takes a connection out of the runtime's hands.
func acceptFD(l net.Listener, lowat int) (int, error) {
	c, err := l.Accept()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	fd, err := detach(c)
	if err != nil {
		return 0, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return 0, err
	}
	return fd, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, lowat)
}

func bareLoop(l *load, conns [][]int) (deliveries, writes, bytes float64) {
	topics := make([]*codec.Topic, l.Events)
	for i := range topics {
		topics[i] = codec.NewTopic("event:" + l.eventOf(i))
	}
	pending := make([][]byte, l.Events)
	counts := make([]int, l.Events)
	dec := codec.NewDecoder(codec.DefaultLimits())
	var p codec.Position
	var body []byte
	next := time.Now().Add(l.Window)
	flush := func() {
		for e, b := range pending {
			if len(b) == 0 {
				continue
			}
			for _, fd := range conns[e] {
				n, err := unix.Write(fd, b)
				if err != nil {
					continue // a full socket: the floor does not wait
				}
				writes++
				bytes += float64(n)
				deliveries += float64(counts[e])
			}
			pending[e], counts[e] = b[:0], 0
		}
	}
	l.publish(time.Now().Add(time.Duration(l.Seconds)*time.Second), func(device int, fields []string, now time.Time) {
		if err := dec.Decode(&p, now.UnixMilli(), fields); err != nil {
			panic(err) // our own record
		}
		body = codec.AppendBody(body[:0], &p, p.TS)
		e := device % l.Events
		pending[e] = topics[e].AppendPositionFrame(pending[e], body)
		counts[e]++
		if time.Now().After(next) {
			flush()
			next = next.Add(l.Window)
		}
	})
	flush()
	return deliveries, writes, bytes
}
