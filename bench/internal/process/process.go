package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// The roles of a process.
const (
	Spectators = "spectators"
	Attackers  = "attackers"
	Server     = "server" // in Pitwall's place
)

// variable is the environment variable that holds the role.
const variable = "PITWALL_BENCH_ROLE"

// Env is the entry of the environment that gives a process its role.
func Env(role string) string { return variable + "=" + role }

// Role is the role of this process, "" for the harness itself.
func Role() string { return os.Getenv(variable) }

// Child is a process that the harness has started. Only one goroutine may use it.
type Child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	orders *json.Encoder
	done   chan struct{} // closed when its output has ended
}

// Start starts a process and sends its configuration. A new goroutine calls listen
// with the output of the process; listen must return when the output ends. The
// caller ends the process with End.
func Start(role string, config any, listen func(io.Reader)) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program of the harness: %w", err)
	}
	c := &Child{cmd: exec.Command(self), done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), Env(role))
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches the parent only
	in, errIn := c.cmd.StdinPipe()
	out, errOut := c.cmd.StdoutPipe()
	if err = errors.Join(errIn, errOut); err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start a process of %s: %w", role, err)
	}
	c.in, c.orders = in, json.NewEncoder(in)
	go func() {
		defer close(c.done)
		listen(out)
	}()
	if err := c.Order(config); err != nil {
		return nil, errors.Join(err, c.End())
	}
	return c, nil
}

// PID is the id of the process, and of its process group.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Order sends an order.
func (c *Child) Order(v any) error {
	if err := c.orders.Encode(v); err != nil {
		return fmt.Errorf("send an order to a process of the harness: %w", err)
	}
	return nil
}

// End ends the process and waits for it.
func (c *Child) End() error {
	err := c.in.Close()
	<-c.done
	return errors.Join(err, c.cmd.Wait())
}

// EndAll ends processes and waits for them.
func EndAll[C interface{ End() error }](list []C) error {
	var errs []error
	for _, c := range list {
		errs = append(errs, c.End())
	}
	return errors.Join(errs...)
}

// Instructions reads the configuration of this process. orders receives the orders
// that follow, and is closed when standard input ends. The process writes its status
// to out.
func Instructions[Config, Order any]() (c Config, orders chan Order, out *json.Encoder, err error) {
	d := json.NewDecoder(bufio.NewReader(os.Stdin))
	if err := d.Decode(&c); err != nil {
		return c, nil, nil, fmt.Errorf("read the configuration of a process: %w", err)
	}
	orders = make(chan Order, 16)
	go func() { // ends when the parent closes its side of the pipe
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

// Listen calls take with each status that a process writes, until its output ends.
// The error says why it ended; it is never nil.
func Listen[Status any](out io.Reader, take func(Status)) error {
	d := json.NewDecoder(bufio.NewReader(out))
	for {
		var s Status
		if err := d.Decode(&s); err != nil {
			return err
		}
		take(s)
	}
}
