package runner

import (
	"os"
	"runtime"

	"pitwall/bench/attack"
	"pitwall/bench/baseline"
	"pitwall/bench/internal/process"
	"pitwall/bench/spectators"
)

// PlayRole plays the role for which this process was started. ok is false if it has
// none, which is the harness itself.
func PlayRole() (ok bool, err error) {
	switch process.Role() {
	case process.Spectators:
		return true, spectate()
	case process.Attackers:
		return true, makeAttacks()
	case process.Server:
		return true, baseline.Serve(os.Args[1:])
	}
	return false, nil
}

// spectate runs the spectators of this process.
func spectate() error {
	c, orders, out, err := process.Instructions[spectators.Config, spectators.Order]()
	if err != nil {
		return err
	}
	g, err := spectators.New(c)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	return g.Run(orders, func(s spectators.Status) error { return out.Encode(s) })
}

// makeAttacks runs the attackers of this process.
func makeAttacks() error {
	c, orders, out, err := process.Instructions[attack.Config, attack.Order]()
	if err != nil {
		return err
	}
	return attack.Run(c, orders, func(s attack.Status) error { return out.Encode(s) })
}
