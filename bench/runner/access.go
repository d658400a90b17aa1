package runner

import (
	"fmt"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/stack"
)

// Time-outs of the engine under attack. They are shorter than the defaults, so that
// a phase of a few seconds shows their effect.
const (
	headerTimeout = 2 * time.Second
	writeTimeout  = time.Second
)

// Limits of the engine under attack, equal to the defaults.
const (
	requestRate  = 20 // per second and connection
	requestBurst = 128
)

// recheckEvery is the interval at which the engine under attack checks again whether
// sessions may continue. It is shorter than the default, like the time-outs.
const recheckEvery = 1500 * time.Millisecond

// silentEvents is the number of events in the roster whose devices send nothing. They
// make listing the events expensive.
const silentEvents = 10_000

// access configures who may connect to the engine: only clients with a token. With
// the zero value everybody may.
type access struct {
	tokens *attack.Tokens
	args   []string          // flags of the engine
	files  map[string][]byte // by name, for the folder in which the engine starts

	platform *platform
}

// token is the token of spectators, "" for none.
func (a *access) token() string {
	if a.tokens == nil {
		return ""
	}
	return a.tokens.Good
}

// newAccess makes the tokens and starts the platform. By default loopback addresses have
// no limits per address, so the flags set those of other addresses.
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

// silent are the entries of the silent events.
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

// attackSources are the addresses of attackers. Four of them are also addresses of
// spectators.
func attackSources() (list []string) {
	for i := range 64 {
		list = append(list, fmt.Sprintf("127.9.0.%d", 1+i))
	}
	return append(list, "127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4")
}
