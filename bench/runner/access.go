package runner

import (
	"fmt"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/stack"
)

// Time-outs of the engine under attack: shorter than its defaults, so that a
// phase of some seconds shows what they do.
const (
	headerTimeout = 2 * time.Second
	writeTimeout  = time.Second
)

// Limits of the engine under attack, which are its defaults.
const (
	requestRate  = 20 // a second and connection
	requestBurst = 128
)

// recheckEvery is how often the engine under attack asks again whether sessions
// may go on: shorter than its default, like the time-outs.
const recheckEvery = 1500 * time.Millisecond

// silentEvents are in the roster beside those that are watched, so that listing
// the events is some work. Their devices send nothing.
const silentEvents = 10_000

// access makes an engine let in clients with a token only. The zero value lets
// everybody in.
type access struct {
	tokens *attack.Tokens
	args   []string          // flags of the engine
	files  map[string][]byte // by name, in the folder that the engine starts in

	platform *platform
}

// token is what spectators show, "" for nothing.
func (a *access) token() string {
	if a.tokens == nil {
		return ""
	}
	return a.tokens.Good
}

// newAccess makes the tokens and starts the platform. The limits per address
// are set to their values for addresses other than loopback.
func newAccess() (a access, err error) {
	const keyFile = "jwt.pem"
	if a.tokens, err = attack.NewTokens(); err != nil {
		return a, err
	}
	if a.platform, err = startPlatform(); err != nil {
		return a, err
	}
	a.files = map[string][]byte{keyFile: a.tokens.PublicKey}
	a.args = []string{"--auth-mode=jwt", "--jwt-public-key-file=" + keyFile,
		"--live-max-connections-per-address=2000", "--live-upgrade-rate-per-address=200", "--http-max-connections-per-address=512",
		"--http-rate-per-address=200", "--auth-failures-per-address=5",
		fmt.Sprintf("--live-request-rate=%d", requestRate), fmt.Sprintf("--live-request-burst=%d", requestBurst),
		fmt.Sprintf("--http-header-timeout-ms=%d", headerTimeout.Milliseconds()),
		fmt.Sprintf("--live-write-timeout-ms=%d", writeTimeout.Milliseconds()),
		"--authz-mode=public,claims,http", "--authz-url=" + a.platform.url, "--auth-cache-ms=500",
		fmt.Sprintf("--auth-recheck-ms=%d", recheckEvery.Milliseconds())}
	return a, nil
}

// silent are the roster's entries of the silent events.
func (a *access) silent() (list []stack.Entry) {
	if a.tokens == nil {
		return nil
	}
	for i := range silentEvents {
		name := fmt.Sprintf("silent-%d", i)
		list = append(list, stack.Entry{Event: name, Entry: name, Device: name})
	}
	return list
}

// attackSources are the addresses of attackers. Four of them are addresses of
// spectators too.
func attackSources() (list []string) {
	for i := range 64 {
		list = append(list, fmt.Sprintf("127.9.0.%d", 1+i))
	}
	return append(list, "127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4")
}
