//go:build !linux

package servers

import "syscall"

// endWithParent does nothing: only Linux can tie a process to its parent. On other
// systems the servers of a test binary that is killed go on.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
