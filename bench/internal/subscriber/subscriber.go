// Package subscriber connects a single spectator with a WebSocket library, for
// spectators that need compression or a token of their own. Package spectators has
// thousands of spectators on raw sockets.
//
// Only one goroutine may read a connection; any goroutine may close it.
package subscriber

import (
	"context"
	"fmt"
	"time"

	"github.com/coder/websocket"
)

// Subscribe connects and sends a subscribe for an event. interval is the minimum
// time between two updates of a device, 0 for every update. The caller reads the
// answers and closes the connection.
func Subscribe(ctx context.Context, url, event string, interval time.Duration, o *websocket.DialOptions) (*websocket.Conn, error) {
	ws, _, err := websocket.Dial(ctx, url, o)
	if err != nil {
		return nil, fmt.Errorf("connect a spectator: %w", err)
	}
	ws.SetReadLimit(-1)
	ask := fmt.Appendf(nil, `{"type":"subscribe","id":"1","topic":"event:%s"`, event)
	if interval > 0 {
		ask = fmt.Appendf(ask, `,"interval":%d`, interval.Milliseconds())
	}
	if err := ws.Write(ctx, websocket.MessageText, append(ask, '}')); err != nil {
		_ = ws.CloseNow()
		return nil, fmt.Errorf("subscribe a spectator: %w", err)
	}
	return ws, nil
}
