package embedded

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// allowedCommands are the commands that the server runs: those of Pitwall and its
// publishers, and some for looking at the data. miniredis has others that can take
// all memory in one call (SRANDMEMBER with a large negative count, SETBIT).
var allowedCommands = wordSet(`
	AUTH CLIENT ECHO HELLO INFO PING QUIT SELECT TIME
	DBSIZE DEL EXISTS EXPIRE FLUSHALL FLUSHDB KEYS PERSIST PEXPIRE PTTL SCAN TTL TYPE UNLINK
	DECR GET GETDEL INCR MGET MSET SET STRLEN
	HDEL HEXISTS HGET HGETALL HKEYS HLEN HMGET HSCAN HSET HVALS
	ZADD ZCARD ZCOUNT ZRANGE ZRANGEBYSCORE ZREM ZREMRANGEBYSCORE ZSCAN ZSCORE
	XACK XADD XAUTOCLAIM XCLAIM XDEL XGROUP XINFO XLEN XPENDING XRANGE XREAD XREADGROUP XREVRANGE XTRIM
	DISCARD EXEC MULTI UNWATCH WATCH
	EVAL EVAL_RO EVALSHA EVALSHA_RO SCRIPT
`)

func wordSet(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

const (
	errCluster  = "ERR This instance has cluster support disabled" // the text of Redis, which clients know
	errCommand  = "ERR the embedded Redis does not have this command"
	errScript   = "ERR the embedded Redis runs the scripts of Pitwall only"
	errLate     = "ERR the script has taken too long and was ended"
	errNoAuth   = "NOAUTH Authentication required."
	errPassword = "WRONGPASS invalid username-password pair or user is disabled."
)

// scriptTime is how long a script may take. Every other command waits for it.
const scriptTime = 2 * time.Second

// authorizer decides who may send commands, and which. Any goroutine may use it.
//
// Commands of a script pass through it as well. The state that miniredis gives a client
// (Peer.Ctx) tells the two apart: a connection has none before its first command, and
// all commands of one script share one from the start.
type authorizer struct {
	scripts    map[string]bool // the scripts that may run, by their text
	password   []byte          // SHA-256 of it, nil for none
	scriptTime time.Duration

	mu      sync.Mutex
	clients map[*server.Peer]bool // connections, and whether they have authenticated
	script  any                   // state of the current or the last script
	began   time.Time             // start of that script
}

func newAuthorizer(scripts []string, password string) *authorizer {
	g := &authorizer{scripts: map[string]bool{}, scriptTime: scriptTime, clients: map[*server.Peer]bool{}}
	for _, s := range scripts {
		g.scripts[s] = true
	}
	if password != "" {
		g.password = digest(password)
	}
	return g
}

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// refuses reports whether a command must not be run. It has then answered the
// command. It handles AUTH as well.
func (g *authorizer) refuses(c *server.Peer, cmd string, args []string) bool {
	if g.password != nil && cmd == "AUTH" && g.isClient(c) {
		if len(args) == 0 || !g.authenticate(c, args[len(args)-1]) {
			c.WriteError(errPassword)
		} else {
			c.WriteOK()
		}
		return true
	}
	reason := g.reason(c, cmd, args)
	if reason != "" {
		c.WriteError(reason)
	}
	return reason != ""
}

// reason returns why a command is not run, "" for one that is.
func (g *authorizer) reason(c *server.Peer, cmd string, args []string) string {
	switch {
	case !g.isClient(c):
		if g.scriptTimedOut(c) {
			return errLate
		}
		return ""
	case !g.authenticated(c) && cmd != "HELLO" && cmd != "QUIT":
		return errNoAuth
	case cmd == "CLUSTER":
		return errCluster // miniredis would return a node that does not exist
	case !allowedCommands[cmd]:
		return errCommand
	case (cmd == "EVAL" || cmd == "EVAL_RO") && len(args) > 0 && !g.scripts[args[0]]:
		return errScript
	case cmd == "SCRIPT" && len(args) > 1 && strings.EqualFold(args[0], "LOAD") && !g.scripts[args[1]]:
		return errScript
	}
	return "" // EVALSHA runs only scripts that EVAL or SCRIPT LOAD has accepted
}

// isClient reports whether a command comes from a connection and not from a script.
func (g *authorizer) isClient(c *server.Peer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.clients[c]; known {
		return true
	}
	if c.Ctx != nil {
		return false
	}
	g.clients[c] = false
	c.OnDisconnect(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.clients, c)
	})
	return true
}

// scriptTimedOut reports whether the script that sends this command has run for too
// long. Only one script runs at a time.
func (g *authorizer) scriptTimedOut(c *server.Peer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.script != c.Ctx {
		g.script, g.began = c.Ctx, time.Now()
	}
	return time.Since(g.began) > g.scriptTime
}

func (g *authorizer) authenticated(c *server.Peer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.password == nil || g.clients[c]
}

// authenticate checks the password, in constant time, and records that the client has
// given the right one.
func (g *authorizer) authenticate(c *server.Peer, password string) bool {
	if subtle.ConstantTimeCompare(digest(password), g.password) == 0 {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clients[c] = true
	return true
}

// hello removes the credentials from a HELLO, which may contain "AUTH user
// password", and checks them. rest is the remaining arguments. refused says that
// the client was refused and has been answered.
func (g *authorizer) hello(c *server.Peer, args []string) (rest []string, refused bool) {
	if g.password == nil {
		return args, false
	}
	for i := 1; i+2 < len(args); i++ {
		if strings.EqualFold(args[i], "AUTH") {
			if !g.authenticate(c, args[i+2]) {
				c.WriteError(errPassword)
				return nil, true
			}
			args = append(args[:i:i], args[i+3:]...)
			break
		}
	}
	if !g.authenticated(c) {
		c.WriteError(errNoAuth)
		return nil, true
	}
	return args, false
}
