// Package docs holds the tests of the documentation. A link leads somewhere, a
// name on a page is one that the program has, a command in a code block can be run, and
// the examples of README.md and the client of the protocol's page work as printed.
//
// It has tests only and is not on the way of a position. They read the pages
// from the working tree, so a page is checked as it will be committed.
package docs
