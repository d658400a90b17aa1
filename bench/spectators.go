package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"pitwall/bench/swarm"
)

// spectate is what the program does as a swarm process: it reads its
// configuration and then orders from standard input, and ends with it.
func spectate() error {
	d := json.NewDecoder(bufio.NewReader(os.Stdin))
	var c swarm.Config
	if err := d.Decode(&c); err != nil {
		return fmt.Errorf("read the configuration of a swarm: %w", err)
	}
	s, err := swarm.New(c)
	if err != nil {
		return err
	}
	orders := make(chan swarm.Order, 16)
	go func() { // ends with the parent's side of the pipe, as the process does
		defer close(orders)
		for {
			var o swarm.Order
			if d.Decode(&o) != nil {
				return
			}
			orders <- o
		}
	}()
	runtime.LockOSThread()
	out := json.NewEncoder(os.Stdout)
	return s.Run(orders, func(p swarm.Progress) error { return out.Encode(p) })
}
