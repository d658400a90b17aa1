package redis

import (
	"context"
	"time"
)

// removeConsumersScript deletes the consumers of a group that have no pending
// entries and have been idle for long. Deleting a consumer discards its pending
// entries, so check and deletion are one step. A negative idle time means that it
// is unknown.
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

// RemoveIdleConsumers deletes the consumers of a group that have no pending entries
// and have read nothing for idle (at least 1 ms). It returns how many it deleted. A
// deleted consumer that reads again is created again. The embedded server reports
// no idle times, so nothing is deleted there. If the group or stream does not
// exist, IsNoGroup holds for the error.
func (c *Client) RemoveIdleConsumers(ctx context.Context, stream, group string, idle time.Duration) (int64, error) {
	return query(ctx, c.run, "remove idle consumers of group "+group+" on stream "+stream, stream, parseInt,
		"EVAL", removeConsumersScript, "1", stream, group, millis(idle))
}
