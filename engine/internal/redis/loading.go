package redis

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/internal/pace"
)

// awaitData waits for a server that was started a short while ago and loads its
// data: until then it knows who it is and refuses everything else.
func (c *Client) awaitData(ctx context.Context, patience time.Duration) error {
	if patience <= 0 {
		patience = time.Minute
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var pause pace.Backoff
	var loading error
	for {
		err := c.Ping(ctx)
		if ended := limited.Err(); err != nil && loading != nil && ended != nil {
			return fmt.Errorf("%w (%w)", loading, ended)
		}
		if !replyHas(err, "LOADING ") {
			if IsRefused(err) { // it is there, whatever this login may ask for
				return nil
			}
			return err
		}
		if loading == nil {
			c.log.Info("redis is loading its data, waiting", "at_most", patience)
		}
		loading = err
		_ = pace.Sleep(limited, pause.Delay()) // its end is seen above
	}
}
