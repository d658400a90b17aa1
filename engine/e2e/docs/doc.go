// Package docs holds the tests of the documentation. A link leads somewhere, a
// name that a page mentions is one that the program has, a command in a code
// block is one that can be run, and the examples of README.md work as printed.
//
// It is not on the way of a position: it has tests only. They read the pages
// from the working tree, so a page is checked as it will be committed.
package docs
