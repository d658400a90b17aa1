package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is one line of go test -json (see go doc test2json) or of make test.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output and build-fail
	Test       string
	Elapsed    float64
	Output     string
}

// testName identifies a test, or with an empty test its package.
type testName struct{ pkg, test string }

// summary is the state between the events. One goroutine uses it.
type summary struct {
	out     *bufio.Writer
	section string

	output map[testName][]string // of tests and packages that have not ended yet
	counts map[string]*count     // per package that has not ended yet
	failed int
	passed int
	skips  int
	before int      // value of failed when the section began
	list   []string // what failed, for the end
}

// count is the tally of one package.
type count struct{ passed, failed int }

func newSummary(w io.Writer) *summary {
	return &summary{
		out:    bufio.NewWriter(w),
		output: map[testName][]string{},
		counts: map[string]*count{},
	}
}

// line takes one line of input. A line that is not an event is passed on.
func (s *summary) line(text []byte) {
	var e event
	if !bytes.HasPrefix(text, []byte("{")) || json.Unmarshal(text, &e) != nil || e.Action == "" {
		fmt.Fprintf(s.out, "%s\n", text)
		return
	}
	s.event(e)
	// A person may be watching: the line of a package is shown at once.
	if e.Test == "" && e.Action != "output" {
		s.out.Flush()
	}
}

func (s *summary) event(e event) {
	key := testName{e.Package, e.Test}
	switch e.Action {
	case "section":
		s.section, s.before = e.Package, s.failed
		fmt.Fprintf(s.out, "\n== %s\n", e.Package)
	case "exit":
		if e.Elapsed != 0 && s.failed == s.before {
			s.fail("ended with an error, see above")
		}
	case "check":
		s.check(e)
	case "build-output":
		s.out.WriteString(e.Output)
	case "output":
		s.output[key] = append(s.output[key], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(e)
		} else {
			s.endTest(e)
		}
	}
}

// check counts a step that does not run tests.
func (s *summary) check(e event) {
	s.section = ""
	if e.Elapsed != 0 {
		s.fail(e.Package)
		fmt.Fprintf(s.out, "FAIL  %s\n", e.Package)
		return
	}
	s.passed++
	fmt.Fprintf(s.out, "ok    %s\n", e.Package)
}

func (s *summary) endTest(e event) {
	key := testName{e.Package, e.Test}
	c := s.count(e.Package)
	switch e.Action {
	case "pass":
		s.passed++
		c.passed++
	case "skip":
		s.skips++
	case "fail":
		c.failed++
		s.fail(e.Package + " " + e.Test)
		s.say(key)
	}
	delete(s.output, key)
}

// endPackage prints the package's line. A failed package without a failed
// test is a failure of its own: it did not build, panicked or leaked.
func (s *summary) endPackage(e event) {
	c := s.count(e.Package)
	if e.Action == "fail" {
		for key := range s.output {
			if key.pkg == e.Package && key.test != "" {
				s.say(key) // running when the package died
			}
		}
		s.say(testName{pkg: e.Package})
		if c.failed == 0 {
			s.fail(e.Package)
		}
		fmt.Fprintf(s.out, "FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
	} else if c.passed > 0 {
		fmt.Fprintf(s.out, "ok    %s  %.1fs, %d passed\n", e.Package, e.Elapsed, c.passed)
	}
	delete(s.counts, e.Package)
	for key := range s.output {
		if key.pkg == e.Package {
			delete(s.output, key)
		}
	}
}

func (s *summary) count(pkg string) *count {
	if s.counts[pkg] == nil {
		s.counts[pkg] = &count{}
	}
	return s.counts[pkg]
}

// say prints the output of a test, without the lines that go test writes for
// tools.
func (s *summary) say(key testName) {
	for _, line := range s.output[key] {
		if strings.HasPrefix(line, "=== ") {
			continue
		}
		s.out.WriteString(line)
	}
}

// fail counts a failure and remembers it for the list at the end.
func (s *summary) fail(what string) {
	s.failed++
	if s.section != "" {
		what = s.section + ": " + what
	}
	s.list = append(s.list, what)
}

// finish prints the list of failures and the closing line. Packages that
// began and never ended were cut off, and count as failed.
func (s *summary) finish() error {
	for pkg := range s.counts {
		s.fail(pkg + " did not end")
	}
	fmt.Fprintln(s.out)
	for _, what := range s.list {
		fmt.Fprintf(s.out, "FAIL  %s\n", what)
	}
	if s.passed == 0 && s.failed == 0 {
		fmt.Fprintln(s.out, "FAIL  no test ran")
	}
	fmt.Fprintf(s.out, "%d passed, %d failed", s.passed, s.failed)
	if s.skips > 0 {
		fmt.Fprintf(s.out, ", %d skipped", s.skips)
	}
	fmt.Fprintln(s.out)
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("print summary: %w", err)
	}
	return nil
}
