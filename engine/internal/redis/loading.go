package redis

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/internal/pace"
)

// awaitData waits while the server loads its data after a start. Such a server
// answers HELLO and refuses everything else.
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
		if IsRefused(err) { // the login may lack the right to ping; rights are checked later
			return nil
		}
		if !isLoading(err) {
			return err
		}
		if loading == nil {
			c.log.Info("redis is loading its data, waiting", "at_most", patience)
		}
		loading = err
		_ = pace.Sleep(limited, pause.Delay()) // the end of limited is checked above
	}
}
