package redis

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"
)

// Unknown stands for a number that the server does not report.
const Unknown = -1

// StreamState describes a stream and one of its groups at one moment.
type StreamState struct {
	Length int64
	First  ID // the oldest entry; zero when there is none
	Last   ID // the last id assigned, even if that entry has been deleted
	// Added counts the entries ever added, or is Unknown (the embedded server).
	// Added minus Length is how many have been deleted.
	Added int64

	Group     bool // whether the group exists; the fields below are zero otherwise
	Delivered ID   // the last id delivered to the group
	// Read counts the entries ever added up to Delivered, or is Unknown. Servers
	// before 7.4 leave out entries that were deleted before the group got them.
	Read    int64
	Pending Pending
}

// stateScript returns the words that parseState parses: none when there is no
// stream, and only the first four when there is no group. The content of entries
// stays on the server.
const stateScript = `local function fields(list)
  local f = {}
  for i = 1, #list, 2 do f[list[i]] = list[i + 1] end
  return f
end
local function word(v)
  if type(v) == 'number' then return string.format('%.0f', v) end
  return v or ''
end
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then
  if string.find(info.err, 'no such key') then return {} end
  return info
end
local s = fields(info)
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
local answer = {word(s['length']), word(s['entries-added']), word(s['last-generated-id']), first[1] and first[1][1] or ''}
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local g = fields(group)
  if g['name'] == ARGV[1] then
    local p = redis.call('XPENDING', KEYS[1], ARGV[1])
    for _, v in ipairs({word(g['last-delivered-id']), word(g['entries-read']), word(p[1]), word(p[2]), word(p[3])}) do
      answer[#answer + 1] = v
    end
  end
end
return answer`

// State returns a stream and one of its groups in one step. A stream that does not
// exist counts as empty. It works at maxmemory, where MULTI is refused.
func (c *Client) State(ctx context.Context, stream, group string) (StreamState, error) {
	return query(ctx, c.run, "state of stream "+stream, stream, parseState, "EVAL", stateScript, "1", stream, group)
}

// parseState parses the words of stateScript.
func parseState(m *rueidis.RedisMessage) (s StreamState, err error) {
	s = StreamState{Added: Unknown, Read: Unknown}
	words, err := m.AsStrSlice()
	if err != nil || len(words) == 0 {
		return s, err
	}
	if len(words) != 4 && len(words) != 9 {
		return s, errBadReply
	}
	s.Length, s.Added = parseCount(words[0]), parseCount(words[1])
	ids := map[int]*ID{2: &s.Last, 3: &s.First}
	if len(words) == 9 {
		s.Group, s.Read, s.Pending.Count = true, parseCount(words[5]), parseCount(words[6])
		ids[4], ids[7], ids[8] = &s.Delivered, &s.Pending.Oldest, &s.Pending.Newest
	}
	for i, id := range ids {
		if words[i] == "" { // there is none, or the embedded server does not tell
			continue
		}
		if *id, err = ParseID(words[i]); err != nil {
			return s, err
		}
	}
	return s, nil
}

// parseCount parses a number; it is Unknown where there is none.
func parseCount(word string) int64 {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return Unknown
	}
	return n
}
