// Summary reads the output of go test -json and prints a line per package and
// the whole output of failed tests, and at the end
//
//	N passed, N failed
//
// alone on the last line. make test pipes all its steps through one summary.
//
// Lines that are not JSON events (of gofmt, vet and staticcheck) are passed on
// unchanged. make test adds three events to those of go test: "section" begins a
// step named by Package, "exit" ends it with the exit code in Elapsed, and a step
// that does not run tests is a single "check" with the same two fields.
//
// It exits with 1 when a test failed, when a package failed without a failed test
// (a panic, a leak, a broken build), when a step ended with an error but named no
// failure, and when no test ran at all.
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
