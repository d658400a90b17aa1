package servers

import "syscall"

// endWithParent asks the kernel to send sig to the process when the thread
// that starts it ends.
func endWithParent(a *syscall.SysProcAttr, sig syscall.Signal) { a.Pdeathsig = sig }
