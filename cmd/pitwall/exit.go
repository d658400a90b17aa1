package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"pitwall/engine/admin/monitor"
	"pitwall/engine/config"
)

// Exit codes. A command may have others of its own: its error then has a method
// ExitCode.
const (
	exitFailed = 1   // the command could not do its work
	exitUsage  = 2   // the command line or a setting is wrong; nothing was done
	exitSignal = 130 // a second SIGINT or SIGTERM ended the process at once
)

// usageError is an error of the command line, the environment or the settings.
type usageError struct{ error }

// Unwrap returns the error itself.
func (e usageError) Unwrap() error { return e.error }

// failed prints an error, unless it is nil, in the format that LOG_FORMAT asks for. It
// returns the exit code.
func failed(args []string, err error) int {
	if err == nil {
		return 0
	}
	code := exitFailed
	var own kong.ExitCoder
	if _, isUsage := errors.AsType[usageError](err); isUsage {
		code = exitUsage
		if len(args) > 0 && args[0] == "check" {
			code = int(monitor.ExitUnknown) // 2 says that what is monitored is in trouble
		}
	} else if errors.As(err, &own) {
		code = own.ExitCode()
	}
	if err.Error() == "" {
		return code // the command has printed what there is to say
	}
	if logFormat(args) == "json" {
		logger(config.Log{LogFormat: "json"}).Error("pitwall has failed", "error", err.Error(), "exit_code", code)
		return code
	}
	fmt.Fprintln(stderr, "pitwall: error:", err)
	if _, isParse := errors.AsType[*kong.ParseError](err); isParse {
		fmt.Fprintln(stderr, "Add --help to a command for its arguments and flags.")
	}
	return code
}

// logFormat returns LOG_FORMAT, also if the command line is invalid and for commands
// that have no such flag.
func logFormat(args []string) string {
	if v, found := argument(args, "--log-format"); found {
		return v
	}
	return os.Getenv("LOG_FORMAT")
}

// argument returns the value of a flag on a command line that may be invalid.
func argument(args []string, flag string) (value string, found bool) {
	for i, a := range args {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, flag+"="); ok {
			value, found = v, true
		} else if a == flag && i+1 < len(args) {
			value, found = args[i+1], true
		}
	}
	return value, found
}
