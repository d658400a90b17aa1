// Summary reads what go test -json writes and prints what a person wants to
// know: a line per package, everything a failed test said and nothing that a
// passed one said, and at the end
//
//	N passed, N failed
//
// alone on the last line. make test pipes all its steps through one summary.
//
// Lines that are no JSON events (of gofmt, vet and staticcheck) are passed
// on as they are. Three events of make test's own are understood beside
// those of go test: "section" begins a step named by Package, and "exit"
// ends it with the exit code in Elapsed; a step that is no test run is a
// single "check" with the same two fields.
//
// It exits with 1 when anything failed: a test, a package that failed without
// a failed test (a panic, a leak, a build that broke), a step that ended with
// an error without saying what failed; and when no test ran at all.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxLine bounds one line of input, 16 MiB: go test cuts a test's output into
// lines, but does not limit them.
const maxLine = 16 << 20

func main() {
	s := newSummary(os.Stdout)
	err := errors.Join(s.readAll(os.Stdin), s.finish())
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
	if s.failed > 0 || s.passed == 0 {
		os.Exit(1)
	}
}

// readAll takes events until the end of the input.
func (s *summary) readAll(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		s.line(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read test events: %w", err)
	}
	return nil
}
