// Package chaos has only tests. They disturb a running installation, one fault after the
// other: the ways between the parts, and the parts themselves. After each fault every
// spectator shows the last position of every device again, and the archive has every
// record once. What an installation says of a fault is tested in engine/e2e/alerts.
//
// make test has a short form, make chaos all faults.
package chaos
