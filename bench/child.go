package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// child is a process of the harness: this program in another role, which is
// told its configuration and then orders, and ends with the pipe. Its output
// is told to the one who started it.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	orders *json.Encoder
	done   chan struct{} // closed when its output has ended
}

// startChild starts a process. listen is called with its output and returns
// when that ends.
func startChild(role string, config any, listen func(io.Reader)) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the harness' own program: %w", err)
	}
	k := &child{cmd: exec.Command(self), done: make(chan struct{})}
	k.cmd.Env = append(os.Environ(), role+"=1")
	k.cmd.Stderr = os.Stderr
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the parent
	if k.in, err = k.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start a process: %w", err)
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a process: %w", err)
	}
	if err := k.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a process: %w", err)
	}
	k.orders = json.NewEncoder(k.in)
	go func() {
		defer close(k.done)
		listen(out)
	}()
	if err := k.order(config); err != nil {
		return nil, errors.Join(err, k.end())
	}
	return k, nil
}

// order tells the process something.
func (k *child) order(v any) error {
	if err := k.orders.Encode(v); err != nil {
		return fmt.Errorf("tell a process of the harness what to do: %w", err)
	}
	return nil
}

// end ends the process and waits for it.
func (k *child) end() error {
	err := k.in.Close()
	<-k.done
	return errors.Join(err, k.cmd.Wait())
}
