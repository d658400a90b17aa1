package redis

import (
	"context"
	"strconv"
)

// DeadLetter is a record for a stream of dead letters, and the id of its entry in
// the source stream.
type DeadLetter struct {
	ID     ID       // of the entry, which is acknowledged
	Fields []string // alternating name and value
}

// deadLetterScript adds each letter and acknowledges its entry. If a letter cannot
// be added, the script ends before the acknowledgement of its entry.
const deadLetterScript = `local i = 3
while i <= #ARGV do
  local n = tonumber(ARGV[i + 1])
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, i + 2, i + 1 + n))
  redis.call('XACK', KEYS[2], ARGV[1], ARGV[i])
  i = i + 2 + n
end
return 1`

// Bounds of one call of deadLetterScript. The Lua stack of the server limits the letters
// and the fields. The bound on the bytes keeps requests short.
const (
	maxScriptLetters = 100
	maxScriptBytes   = 1 << 20
	maxScriptFields  = 1000
)

// AddDeadLetters adds letters to the stream dead, which keeps about maxLen entries (at
// least 1), and acknowledges their entries. The server adds a letter and acknowledges
// its entry in one step, so that each entry leaves one letter. Letters of more than
// 1,000 strings are an exception: they are added first and acknowledged after that.
// Both keys must be in one slot, see [Client.DeadKey]. After an error some of the
// letters may have been added.
func (c *Client) AddDeadLetters(ctx context.Context, dead string, maxLen int64, stream, group string, letters []DeadLetter) error {
	for len(letters) > 0 {
		if len(letters[0].Fields) > maxScriptFields {
			if _, err := c.Add(ctx, dead, maxLen, letters[0].Fields...); err != nil {
				return err
			}
			if _, err := c.Ack(ctx, stream, group, []ID{letters[0].ID}); err != nil {
				return err
			}
			letters = letters[1:]
			continue
		}
		args := []string{"EVAL", deadLetterScript, "2", dead, stream, group, strconv.FormatInt(max(maxLen, 1), 10)}
		n, size := 0, 0
		for n < len(letters) && n < maxScriptLetters && (n == 0 || size < maxScriptBytes) && len(letters[n].Fields) <= maxScriptFields {
			l := &letters[n]
			args = append(append(args, l.ID.String(), strconv.Itoa(len(l.Fields))), l.Fields...)
			size += totalBytes(l.Fields)
			n++
		}
		letters = letters[n:]
		if _, err := c.run(ctx, "add dead letters of stream "+stream+" to "+dead, onKey{stream}, args...); err != nil {
			return err
		}
	}
	return nil
}

// boundBytesScript deletes the oldest entries of a stream, in steps, until it takes
// no more memory than allowed. It returns how much memory it takes, and how many
// entries were deleted. MEMORY USAGE also counts what other programs have added or
// deleted. A server without it (the embedded one) gives -1.
const boundBytesScript = `local function used()
  local n = redis.pcall('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0)
  if type(n) == 'table' then return -1 end
  return n or 0
end
local gone, now, most = 0, used(), tonumber(ARGV[1])
for _ = 1, 20 do
  if now <= most then break end
  local keep = math.floor(redis.call('XLEN', KEYS[1]) * most / now * 0.95)
  local n = redis.call('XTRIM', KEYS[1], 'MAXLEN', keep)
  if n == 0 then break end
  gone = gone + n
  now = used()
end
return {now, gone}`

// BoundBytes deletes the oldest entries of a stream until it takes about limit
// bytes of the server's memory, by MEMORY USAGE. It returns the bytes after that,
// Unknown where the server does not tell, and how many entries were deleted.
func (c *Client) BoundBytes(ctx context.Context, stream string, limit int64) (bytes, deleted int64, err error) {
	answer, err := query(ctx, c.run, "bound the bytes of stream "+stream, stream, parseIntPair,
		"EVAL", boundBytesScript, "1", stream, strconv.FormatInt(limit, 10))
	if err != nil {
		return Unknown, 0, err
	}
	return answer[0], answer[1], nil
}

// deadSuffix is appended to a stream's key for the stream of its dead letters.
const deadSuffix = ":dead"

// DeadKey returns the key of the dead letters of a stream: its key and ":dead". On
// a Cluster a key without a hash tag gets braces ({key}:dead), which puts both keys
// into one slot.
func (c *Client) DeadKey(stream string) string {
	if c.nodes != nil && hashTag(stream) == "" {
		return "{" + stream + "}" + deadSuffix
	}
	return stream + deadSuffix
}

// IsDeadKey reports whether key is the key of a stream's dead letters, on a Cluster
// or a single server.
func IsDeadKey(key, stream string) bool {
	return key == stream+deadSuffix || key == "{"+stream+"}"+deadSuffix
}
