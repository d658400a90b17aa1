// Sbom writes the software bill of materials of a Go program to standard output, as
// CycloneDX 1.5 in JSON:
//
//	go run ./engine/internal/sbom bin/pitwall
//
// It reads the build information in the program, which go version -m also prints.
// go.mod would not do, because it names modules that only tests need. The same
// program gives the same bytes. The exit code is 1 if the program cannot be read.
package main

import (
	"debug/buildinfo"
	"fmt"
	"os"

	"pitwall/engine/internal/plain"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("expected the path of one program, got %d arguments", len(args))
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read the modules of the program: %w", err)
	}
	if err := plain.WriteJSON(os.Stdout, billOf(info)); err != nil {
		return fmt.Errorf("write the bill of materials: %w", err)
	}
	return nil
}
