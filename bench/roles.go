package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"pitwall/bench/attack"
	"pitwall/bench/spectators"
)

// Flags under which the program is a process of its own kind.
const (
	swarmRole = "PITWALL_BENCH_SWARM"
	siegeRole = "PITWALL_BENCH_SIEGE"
)

// playRole is what the program does where it is a child: false where it is
// not.
func playRole() (ok bool, err error) {
	switch {
	case os.Getenv(swarmRole) != "":
		return true, runSpectators()
	case os.Getenv(siegeRole) != "":
		return true, runAttackers()
	}
	return false, nil
}

// runSpectators is what the program does as a swarm process.
func runSpectators() error {
	c, orders, out, err := instructions[spectators.Config, spectators.Order]()
	if err != nil {
		return err
	}
	s, err := spectators.New(c)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	return s.Run(orders, func(p spectators.Progress) error { return out.Encode(p) })
}

// runAttackers is what the program does as an attacking process.
func runAttackers() error {
	c, orders, out, err := instructions[attack.Config, attack.Order]()
	if err != nil {
		return err
	}
	return attack.Run(c, orders, func(p attack.Progress) error { return out.Encode(p) })
}

// instructions reads what a child is told: its configuration, and then orders,
// which end with standard input. out is what it tells on.
func instructions[Config, Order any]() (c Config, orders chan Order, out *json.Encoder, err error) {
	d := json.NewDecoder(bufio.NewReader(os.Stdin))
	if err := d.Decode(&c); err != nil {
		return c, nil, nil, fmt.Errorf("read the configuration of a process: %w", err)
	}
	orders = make(chan Order, 16)
	go func() { // ends with the parent's side of the pipe, as the process does
		defer close(orders)
		for {
			var o Order
			if d.Decode(&o) != nil {
				return
			}
			orders <- o
		}
	}()
	return c, orders, json.NewEncoder(os.Stdout), nil
}
