package baseline

import (
	"net"
	"net/http"
	"time"

	"github.com/lxzan/gws"

	"pitwall/codec"
)

// door takes clients in by gws, and says who wants to watch what.
type door struct {
	gws.BuiltinEventHandler
	join func(event string, c *gws.Conn) error // answers, once the client is in
}

// OnMessage takes a subscribe.
func (d door) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	var r codec.Request
	if codec.ParseRequest(&r, m.Bytes()) != nil || len(r.Topic) < len("event:") {
		return
	}
	if d.join(string(append([]byte(nil), r.Topic[len("event:"):]...)), c) != nil {
		_ = c.NetConn().Close()
	}
}

// open listens at addr until end is called.
func open(join func(event string, c *gws.Conn) error) (addr string, end func(), err error) {
	up := gws.NewUpgrader(door{join: join}, &gws.ServerOption{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	web := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := up.Upgrade(w, r); err == nil {
			go c.ReadLoop()
		}
	})}
	go func() { _ = web.Serve(listener) }()
	return listener.Addr().String(), func() { _ = web.Close() }, nil
}

// serve has clients come, and then measures f.
func serve(join func(event string, c *gws.Conn) error, f func() tally) error {
	addr, end, err := open(join)
	if err != nil {
		return err
	}
	defer end()
	if err := listening(addr); err != nil {
		return err
	}
	return measure(f)
}
