//go:build !linux

package servers

import "syscall"

// endWithParent does nothing: only Linux can tie a process to its parent. A
// test binary that is killed elsewhere leaves its servers behind.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
