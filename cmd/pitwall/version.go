package main

import (
	"fmt"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// versionFlag is the flag --version.
type versionFlag bool

// BeforeReset prints the version and ends the program with exit code 0. kong calls it
// if the flag is given, before it looks for a command.
func (versionFlag) BeforeReset(k *kong.Kong) error {
	fmt.Fprintln(k.Stdout, versionLine())
	k.Exit(0)
	return nil
}

type versionCmd struct{}

// Run prints the version that the binary was built from.
func (versionCmd) Run() error {
	fmt.Fprintln(stdout, versionLine())
	return nil
}

func versionLine() string {
	v, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		v = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	return "pitwall " + v + revision
}
