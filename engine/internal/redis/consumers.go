package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// removeConsumersScript deletes the consumers of a group on which nothing pends and that
// have done nothing for long. To delete a consumer throws away what pends on
// it, so the look and the deletion are one step. A negative idle time stands
// for one that is not known.
const removeConsumersScript = `local gone = 0
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local f = {}
  for i = 1, #c, 2 do f[c[i]] = c[i + 1] end
  if f['pending'] == 0 and f['idle'] >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], f['name'])
    gone = gone + 1
  end
end
return gone`

// RemoveIdleConsumers deletes the consumers of a group on which nothing pends
// and which have not asked for anything for idle (at least 1 ms), and returns
// how many. A consumer that comes back afterwards is simply there again. The
// embedded server does not tell idle times, so that none is removed there. An
// error for which IsNoGroup holds says that there is no such group or stream.
func (c *Client) RemoveIdleConsumers(ctx context.Context, stream, group string, idle time.Duration) (int64, error) {
	what := "remove idle consumers of group " + group + " on stream " + stream
	m, err := c.do(ctx, what, onKey{stream}, "EVAL", removeConsumersScript, "1", stream, group, strconv.FormatInt(max(idle.Milliseconds(), 1), 10))
	if err != nil {
		return 0, err
	}
	n, err := m.AsInt64()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, errBadReply)
	}
	return n, nil
}
