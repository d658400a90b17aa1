// Package operate holds the end-to-end tests of the commands for operators: check,
// status, top, device and doctor. They run against real engines and real servers.
//
// The tests start everything themselves, on free ports. Each test owns its servers, so
// the tests may run at the same time as those of other packages. The package has no
// code of its own.
package operate
