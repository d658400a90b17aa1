package main

import (
	"fmt"
	"time"

	"pitwall/bench/attack"
	"pitwall/bench/stack"
)

// Time-outs of the engine under siege: shorter than its defaults, so that a
// phase of some seconds shows what they do.
const (
	siegeHeaderTimeout = 2 * time.Second
	siegeWriteTimeout  = time.Second
)

// Limits of the engine under siege, which are its defaults.
const (
	siegeRequestRate  = 20 // a second and connection
	siegeRequestBurst = 128
)

// siegeRecheck is how often the engine under siege asks again whether sessions
// may go on: shorter than its default, as the time-outs are.
const siegeRecheck = 1500 * time.Millisecond

// silentEvents are in the roster beside those that are watched, so that who
// lists events has something to do. Their devices send nothing.
const silentEvents = 10_000

// guard is what a site needs to let in whoever has a token, and nobody else.
// The zero value lets everybody in.
type guard struct {
	tokens *attack.Tokens
	args   []string
	files  map[string][]byte

	platform *platform
}

// token is what spectators show.
func (g *guard) token() string {
	if g.tokens == nil {
		return ""
	}
	return g.tokens.Good
}

// keepGuard makes a guard. Limits of one address are set to what they are for
// addresses other than loopback.
func keepGuard() (g guard, err error) {
	const keyFile = "jwt.pem"
	if g.tokens, err = attack.NewTokens(); err != nil {
		return g, err
	}
	if g.platform, err = startPlatform(); err != nil {
		return g, err
	}
	g.files = map[string][]byte{keyFile: g.tokens.PublicKey}
	g.args = []string{"--auth-mode=jwt", "--jwt-public-key-file=" + keyFile,
		"--live-max-connections-per-address=2000", "--live-upgrade-rate-per-address=200", "--http-max-connections-per-address=512",
		fmt.Sprintf("--live-request-rate=%d", siegeRequestRate), fmt.Sprintf("--live-request-burst=%d", siegeRequestBurst),
		fmt.Sprintf("--http-header-timeout-ms=%d", siegeHeaderTimeout.Milliseconds()),
		fmt.Sprintf("--live-write-timeout-ms=%d", siegeWriteTimeout.Milliseconds()),
		"--authz-mode=public,claims,http", "--authz-url=" + g.platform.url, "--auth-cache-ms=500",
		fmt.Sprintf("--auth-recheck-ms=%d", siegeRecheck.Milliseconds())}
	return g, nil
}

// roster are the silent events.
func (g *guard) roster() (list []stack.Entry) {
	if g.tokens == nil {
		return nil
	}
	for i := range silentEvents {
		name := fmt.Sprintf("silent-%d", i)
		list = append(list, stack.Entry{Event: name, Entry: name, Device: name})
	}
	return list
}

// attackSources are where attackers come from: half of them are addresses of
// spectators too, the others are strangers'.
func attackSources() (list []string) {
	for i := range 64 {
		list = append(list, fmt.Sprintf("127.9.0.%d", 1+i))
	}
	return append(list, "127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4")
}
